#include "scheduler/base/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace belfry {

// The clock is read directly: absl::Now() estimates between samples and may run ahead of the
// system clock by a few hundred nanoseconds, which would make a trigger early.
absl::Time SystemClock::Now() { return absl::FromChrono(std::chrono::system_clock::now()); }

absl::Duration SystemClock::Monotonic() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace belfry
