#pragma once

// ScheduleLoad: many ScheduleJob calls, in a closed loop (a number of calls always under way) or in
// an open one (a rate, whatever the server does).

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "scheduler/base/mutex.h"
#include "tests/bench/histogram.h"
#include "tests/bench/schedule_calls.h"
#include "tests/bench/session.h"

namespace belfry::bench {

// Calls the sender of an open loop once for each moment at which something should begin. Moments
// lie on a grid of a millisecond; a late sender catches up and is told the intended moment, so
// that waiting for it counts. Returns after `duration_ns`, or once `stop` is set.
// `send` gets the number from 0 and the intended monotonic time. Returns how many were sent.
uint64_t RunOpenLoop(double rate, int64_t duration_ns, const std::atomic<bool>& stop,
                     const std::function<void(uint64_t number, int64_t intended_ns)>& send);

// Thread safety: belongs to one thread, except result().
class ScheduleLoad {
 public:
  struct Result {
    uint64_t ok = 0;
    uint64_t errors = 0;
    uint64_t refused = 0;  // with ResourceExhausted; tried again by a load of a given number
    std::string first_error;
    double seconds = 0;  // from the first call's begin to the last one's end
    Histogram latency;   // from the intended begin to the end
    double rate() const { return seconds > 0 ? static_cast<double>(ok) / seconds : 0; }
  };
  // The due time of a job by its number (wall clock, microseconds; 0 for none).
  using DueOf = std::function<int64_t(uint64_t number)>;

  // `session` is borrowed. Jobs recur if `period_us` is not 0.
  ScheduleLoad(Session* session, DueOf due_of, int64_t period_us = 0);

  // Schedules `jobs` jobs, or for `duration_ns` if that is 0, with `in_flight` calls under way.
  // Numbers begin with `first`. Stops when nothing has ended for the session's timeout; calls that
  // are cancelled then count as errors.
  Result RunClosed(uint64_t first, uint64_t jobs, int in_flight, int64_t duration_ns);

  // Schedules `rate` jobs a second for `duration_ns` or until `stop` is set.
  Result RunOpen(uint64_t first, double rate, int64_t duration_ns, const std::atomic<bool>& stop);

 private:
  void Ended(const CallResult& result);
  // Starts the next call of a closed loop, if there is one.
  void StartNext();
  // Whether a job is to be scheduled again, as the server had no room for it.
  bool TryAgain(const CallResult& call);
  void WaitForAllStarted();
  Result Finish(int64_t began_ns);

  Session* const session_;
  const DueOf due_of_;
  const int64_t period_us_;

  std::atomic<uint64_t> next_{0};
  std::atomic<uint64_t> end_{0};
  std::atomic<int64_t> stop_at_ns_{0};
  std::atomic<bool> closed_loop_{false};
  std::atomic<bool> counted_{false};  // a closed loop of a given number of jobs

  Mutex mutex_;
  Result result_ ABSL_GUARDED_BY(mutex_);
  int64_t last_ended_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  ScheduleCalls calls_;
};

// Adds the result of calls to a line, under `name`.
void ReportCalls(const ScheduleLoad::Result& result, const std::string& name,
                 boost::json::object* line);

}  // namespace belfry::bench
