#pragma once

// Story: a script for the scheduler's core and the transcript of what it brings about, in one file.
//
// A line that begins in the first column is a command, a comment (#) or empty. Below each command
// stand, indented, its effects in the order in which they happened. docs/testing.md lists the
// commands.
// Not thread-safe.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/support/manual_scheduler.h"

namespace belfry::golden {

class Story {
 public:
  // Carries out the commands of `text` and returns the whole with the effects that there were,
  // those that stood there left out. InvalidArgument for a command that is not understood, with its
  // line.
  static absl::StatusOr<std::string> Tell(std::string_view text);

 private:
  class StoryWatcher;
  using Words = std::vector<std::string>;

  explicit Story(absl::Time start);

  absl::Status Run(const Words& words);
  absl::Status Schedule(const Words& words);
  absl::Status Watch(const Words& words);
  absl::Status Answer(const Words& words, Outcome outcome);
  absl::Status Advance(absl::Duration duration);
  void Note(const std::string& effect);
  void NoteReply(const absl::Status& status);
  std::string Clock();

  ManualScheduler scheduler_;
  std::map<std::string, std::shared_ptr<StoryWatcher>> watchers_;
  std::vector<std::string> effects_;  // of the command that is running
};

}  // namespace belfry::golden
