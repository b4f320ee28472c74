#pragma once

#include <deque>
#include <mutex>

#include "absl/functional/any_invocable.h"

namespace belfry::sidecar {

// Lets a limited number of operations run; others wait in order of arrival. How many may wait is up
// to the schedulers, which bound the triggers that they have in flight on a stream.
// Thread safety: all methods may be called from any thread.
class ConcurrencyLimit {
 public:
  // Told whether the operation may run. If so, Release must follow when it has ended.
  using Start = absl::AnyInvocable<void(bool)>;

  // `max` of 0 or less means no limit.
  explicit ConcurrencyLimit(int max) : max_(max) {}

  // Calls `start(true)` now, or later on the thread of some Release.
  void Acquire(Start start);
  void Release();

  // Calls `start(false)` for all that wait.
  void CancelWaiting();

 private:
  const int max_;
  std::mutex mutex_;
  int running_ = 0;            // under mutex_
  std::deque<Start> waiting_;  // under mutex_
};

}  // namespace belfry::sidecar
