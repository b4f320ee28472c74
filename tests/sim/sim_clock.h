#pragma once

// SimClock: monotonic time that only moves on, and a wall clock beside it that drifts and is set.
// Not thread-safe.

#include <cstdint>

#include "scheduler/base/clock.h"

namespace belfry::sim {

class SimClock final : public Clock {
 public:
  // `drift_ppm`: how many millionths the wall clock runs too fast; negative if too slow.
  explicit SimClock(int drift_ppm) : drift_ppm_(drift_ppm) {}

  absl::Time Now() override { return now_; }
  absl::Duration Monotonic() override { return monotonic_; }

  // Time passes.
  void Advance(absl::Duration duration) {
    monotonic_ += duration;
    now_ += duration + duration / 1000000 * drift_ppm_;
  }
  // Time passes until the wall clock shows `time`, if that lies ahead.
  void AdvanceTo(absl::Time time) {
    if (time <= now_) return;
    monotonic_ += time - now_;
    now_ = time;
  }
  // Somebody sets the wall clock.
  void Step(absl::Duration by) { now_ += by; }

 private:
  const int64_t drift_ppm_;
  absl::Duration monotonic_ = absl::Seconds(1);
  absl::Time now_ = absl::FromUnixSeconds(1713956400);  // 2024-04-24T11:00:00Z
};

}  // namespace belfry::sim
