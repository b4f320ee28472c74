#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace belfry::sidecar {

// Takes values on any thread and hands them to the test, which waits for each with a limit.
template <typename T>
class Waiter {
 public:
  void Put(T value) {
    // Notified under the lock: the test may destroy the waiter as soon as it has its value.
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    arrived_.notify_all();
  }

  // The next value; nothing if none comes in time.
  std::optional<T> Take(std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, limit, [this] { return !values_.empty(); })) return std::nullopt;
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<T> values_;
};

}  // namespace belfry::sidecar
