#include "scheduler/loop/clock_watch.h"

#include <utility>

#include "scheduler/base/limits.h"

namespace belfry {

std::optional<absl::Duration> ClockWatch::Note(absl::Duration before, absl::Time now,
                                               absl::Duration after) {
  const Origin origin{now - after, now - before};
  const std::optional<Origin> last = std::exchange(last_, origin);
  if (!last.has_value()) return std::nullopt;
  const absl::Duration forward = origin.earliest - last->latest;
  if (forward > kMinClockStep) return forward;
  const absl::Duration back = origin.latest - last->earliest;
  if (back < -kMinClockStep) return back;
  return std::nullopt;
}

}  // namespace belfry
