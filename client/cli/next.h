#pragma once

// `belfry next`: previews the ticks of a job without talking to a scheduler.

#include <optional>
#include <ostream>
#include <string>

#include "scheduler/base/clock.h"

namespace belfry {

// The command line as it was given. Everything is text so that RunNext can name the option and the
// value in its errors; absent and empty are different.
struct NextOptions {
  // The positional SCHEDULE.
  std::optional<std::string> schedule = std::nullopt;
  // --from: when the job is created, RFC 3339; default: now.
  std::optional<std::string> from = std::nullopt;
  // --due-time, --ttl and --repeats, as in a job.
  std::optional<std::string> due_time = std::nullopt;
  std::optional<std::string> ttl = std::nullopt;
  std::optional<std::string> repeats = std::nullopt;
  // --count: how many ticks to print at most, 1 to kMaxNextCount; default: kDefaultNextCount.
  std::optional<std::string> count = std::nullopt;
};

// Ticks printed when there is no --count, and the largest --count.
inline constexpr int kDefaultNextCount = 5;
inline constexpr int kMaxNextCount = 100000;

// Prints to `out` the ticks that the scheduler would fire for a job created at --from if every
// trigger succeeds: one RFC 3339 UTC time a line, nothing if there is none. Returns the exit code:
// 0, or 2 with one line on `err` that names the option at fault.
int RunNext(const NextOptions& options, Clock& clock, std::ostream& out, std::ostream& err);

}  // namespace belfry
