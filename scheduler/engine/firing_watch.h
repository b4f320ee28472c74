#pragma once

// FiringWatch: notices that jobs are not fired although they could be: since when some target could
// have started a job and nothing was started, or since when the readers owe what they were asked
// for. A backlog is no such thing: as long as it gets smaller, every target has its turn, and a
// target whose turn has not come yet is not kept waiting by a fault.
//
// Times are monotonic, so that a wall clock that is set looks like nothing here. Costs nothing for
// a job, and a few comparisons a turn for a target that could start one.
// Not thread-safe: belongs to the loop.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace belfry {

class FiringWatch {
 public:
  // What is noted of one target; owned by whoever owns the target.
  struct Place {
    uint64_t turn = 0;   // the last one after which it was left waiting
    uint64_t round = 0;  // when it began to wait
    absl::Duration since;
  };

  // A turn is about to start what is due; `loading`: jobs are being read.
  void BeginTurn(absl::Duration now, bool loading);
  // A target has started jobs. Targets have their turns in the order of their ids, from the one
  // after the last: an id that is not higher than the last one begins another round.
  void Started(Place* place, uint32_t target_id);
  // After the turn a target is left that could start a job.
  void LeftWaiting(Place* place);
  // The turn has started what it could. `loading`: jobs are being read.
  void EndTurn(bool loading);

  // The scanner was asked for `count` things more; it has told of one.
  void AskedScanner(size_t count) { scans_pending_ += count; }
  void ScannerTold();
  // Loaded jobs have come.
  void LoaderTold() { loader_told_ = true; }

  // Since when jobs could have been fired, or been made ready for it, and nothing went on; nullopt
  // if all is well.
  std::optional<absl::Duration> stuck_since() const { return stuck_since_; }

 private:
  void Note(absl::Duration since);

  absl::Duration now_ = absl::ZeroDuration();
  uint64_t turn_ = 1;  // a place that was never used is not one of the turn before
  uint64_t round_ = 0;
  uint32_t last_target_ = 0;
  bool started_ = false;       // something, in this turn
  bool left_waiting_ = false;  // some target, after this turn
  // The end of the last turn that started something or left nobody waiting.
  absl::Duration went_on_ = absl::ZeroDuration();

  size_t scans_pending_ = 0;
  bool scanner_told_ = false;
  bool loader_told_ = false;
  // When the readers last told of something, or had nothing to do.
  absl::Duration scanner_went_on_ = absl::ZeroDuration();
  absl::Duration loader_went_on_ = absl::ZeroDuration();

  std::optional<absl::Duration> oldest_;  // of the turn that is under way
  std::optional<absl::Duration> stuck_since_;
};

}  // namespace belfry
