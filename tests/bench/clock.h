#pragma once

// The clocks of the load generator, in nanoseconds. Due times are on the wall clock, everything
// else on the monotonic one. Thread safety: any thread.

#include <time.h>

#include <cstdint>

namespace belfry::bench {

inline constexpr int64_t kNsPerUs = 1'000;
inline constexpr int64_t kNsPerMs = 1'000'000;
inline constexpr int64_t kNsPerSecond = 1'000'000'000;

inline int64_t ReadClock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * kNsPerSecond + now.tv_nsec;
}

inline int64_t WallNs() { return ReadClock(CLOCK_REALTIME); }
inline int64_t MonotonicNs() { return ReadClock(CLOCK_MONOTONIC); }

// Sleeps until a moment of the monotonic clock; returns at once if it has passed.
inline void SleepUntil(int64_t monotonic_ns) {
  const timespec until{monotonic_ns / kNsPerSecond, monotonic_ns % kNsPerSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
  }
}

inline void SleepFor(int64_t ns) { SleepUntil(MonotonicNs() + ns); }

inline int64_t SecondsToNs(double seconds) {
  return static_cast<int64_t>(seconds * static_cast<double>(kNsPerSecond));
}

// Seconds from one moment of the monotonic clock to a later one.
inline double SecondsBetween(int64_t begin_ns, int64_t end_ns) {
  return static_cast<double>(end_ns - begin_ns) / static_cast<double>(kNsPerSecond);
}

}  // namespace belfry::bench
