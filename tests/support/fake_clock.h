#pragma once

// FakeClock: a clock that moves only when told.

#include "scheduler/base/clock.h"
#include "scheduler/base/mutex.h"

namespace belfry {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now) : now_(now) {}

  absl::Time Now() override {
    MutexLock lock(&mutex_);
    return now_;
  }
  absl::Duration Monotonic() override {
    MutexLock lock(&mutex_);
    return monotonic_;
  }

  // Time passes.
  void Advance(absl::Duration duration) {
    MutexLock lock(&mutex_);
    now_ += duration;
    monotonic_ += duration;
  }

  // Somebody sets the wall clock.
  void StepTo(absl::Time now) {
    MutexLock lock(&mutex_);
    now_ = now;
  }

 private:
  Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  absl::Duration monotonic_ ABSL_GUARDED_BY(mutex_) = absl::Seconds(1);
};

}  // namespace belfry
