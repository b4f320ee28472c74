#pragma once

// Waits that have a limit. Thread safety: functions without state.

#include <chrono>
#include <thread>

namespace belfry::integration {

// The longest that anything may take which a test waits for.
inline constexpr std::chrono::seconds kWaitLimit{20};
// Between two looks.
inline constexpr std::chrono::milliseconds kPollPause{5};
// How long a test watches that something does not happen.
inline constexpr std::chrono::milliseconds kQuietTime{400};

// Looks again and again; false if `predicate` is still false at the limit.
template <typename Predicate>
bool Eventually(const Predicate& predicate, std::chrono::milliseconds limit = kWaitLimit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(kPollPause);
  }
  return true;
}

// True if `predicate` stays false for the whole time.
template <typename Predicate>
bool Never(const Predicate& predicate, std::chrono::milliseconds time = kQuietTime) {
  return !Eventually(predicate, time);
}

}  // namespace belfry::integration
