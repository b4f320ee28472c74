#pragma once

// Deliveries: what the handlers of a run have received, judged by the names of the jobs.

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "scheduler/base/mutex.h"
#include "tests/bench/histogram.h"
#include "tests/bench/job_maker.h"

namespace belfry::bench {

struct DeliveryCounts {
  uint64_t received = 0;  // triggers of this run, each once
  uint64_t duplicates = 0;
  uint64_t early = 0;    // before the due time on the wall clock
  uint64_t foreign = 0;  // of jobs that this run did not schedule
  int64_t first_ns = 0;  // monotonic: when the first one came
  int64_t last_ns = 0;   // monotonic: when the last one came
  Histogram lateness;    // from the due time to the handler
  // The jobs that came last, in no order: at most kLastJobs.
  std::vector<JobTag> last_jobs;
};

// More than enough to hold the last one of each stream.
inline constexpr size_t kLastJobs = 64;

// Thread safety: all methods may be called from any thread.
class Deliveries {
 public:
  // Jobs are numbered from 0 to `jobs`. `period_us` is 0 for jobs that fire once, whose second
  // trigger is a duplicate; else the n-th trigger of a job is that of its n-th tick.
  Deliveries(const JobMaker* maker, uint64_t jobs, int64_t period_us);

  // Takes a trigger that has just come.
  void Record(std::string_view name);

  // The lateness so far; what comes from now on enters a new histogram.
  Histogram TakeLateness();

  // Waits until `count` triggers were received; false after `timeout_ns`.
  bool WaitFor(uint64_t count, int64_t timeout_ns);

  uint64_t received() const;
  DeliveryCounts counts() const;

  // For recurring jobs: ticks with a due time before `wall_us` that were not received.
  // `first_due_us` tells the first due time of a job by its number.
  template <typename FirstDue>
  uint64_t Missing(int64_t wall_us, const FirstDue& first_due_us) const {
    MutexLock lock(&mutex_);
    uint64_t missing = 0;
    for (uint64_t job = 0; job < seen_.size(); ++job) {
      const int64_t first = first_due_us(job);
      if (first >= wall_us) continue;
      const auto expected = static_cast<uint64_t>((wall_us - first - 1) / period_us_ + 1);
      if (seen_[job] < expected) missing += expected - seen_[job];
    }
    return missing;
  }

 private:
  const JobMaker* const maker_;
  const int64_t period_us_;

  mutable Mutex mutex_;
  CondVar reached_{&mutex_};                            // signalled when `wanted_` were received
  std::vector<uint32_t> seen_ ABSL_GUARDED_BY(mutex_);  // triggers by job
  DeliveryCounts counts_ ABSL_GUARDED_BY(mutex_);
  uint64_t wanted_ ABSL_GUARDED_BY(mutex_) = UINT64_MAX;
};

}  // namespace belfry::bench
