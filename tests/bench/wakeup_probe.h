#pragma once

// WakeupProbe: how late the machine wakes a thread that sleeps for a millisecond, again and again:
// the floor of every lateness, taken beside what is measured.

#include <atomic>
#include <thread>

#include "tests/bench/clock.h"
#include "tests/bench/histogram.h"

namespace belfry::bench {

// Thread safety: belongs to one thread.
class WakeupProbe {
 public:
  WakeupProbe() : thread_([this] { Main(); }) {}
  ~WakeupProbe() { Stop(); }

  // Ends the probing; the result is complete afterwards.
  const Histogram& Stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return histogram_;
  }

 private:
  void Main() {
    while (!stopping_.load()) {
      const int64_t wanted = MonotonicNs() + kNsPerMs;
      SleepUntil(wanted);
      histogram_.Record(MonotonicNs() - wanted);
    }
  }

  Histogram histogram_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace belfry::bench
