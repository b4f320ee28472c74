#include "client/sidecar/concurrency_limit.h"

#include <utility>

namespace belfry::sidecar {

void ConcurrencyLimit::Acquire(Start start) {
  {
    const std::lock_guard lock(mutex_);
    if (max_ > 0 && running_ >= max_) {
      waiting_.push_back(std::move(start));
      return;
    }
    ++running_;
  }
  start(true);
}

void ConcurrencyLimit::Release() {
  Start next;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      --running_;
      return;
    }
    next = std::move(waiting_.front());
    waiting_.pop_front();
  }
  next(true);
}

void ConcurrencyLimit::CancelWaiting() {
  std::deque<Start> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(waiting_);
  }
  for (Start& start : waiting) start(false);
}

}  // namespace belfry::sidecar
