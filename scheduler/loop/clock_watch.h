#pragma once

// ClockWatch: notices that somebody set the wall clock, by comparing it with the monotonic clock.
// Not thread-safe.

#include <optional>

#include "absl/time/time.h"

namespace belfry {

class ClockWatch {
 public:
  // Takes note of the wall clock's time `now`, which was read between the monotonic times `before`
  // and `after`. Returns by how much the clock was set since the last call (negative: back), or
  // nullopt if it was not: if the difference of the two clocks changed by kMinClockStep or less, or
  // by no more than the time between `before` and `after` leaves open. Slow corrections are not
  // noticed, and need not be.
  std::optional<absl::Duration> Note(absl::Duration before, absl::Time now, absl::Duration after);

 private:
  // What the wall clock showed at monotonic time zero, at the earliest and at the latest.
  struct Origin {
    absl::Time earliest;
    absl::Time latest;
  };

  std::optional<Origin> last_;
};

}  // namespace belfry
