#include "tests/bench/deliveries.h"

#include <utility>

#include "tests/bench/clock.h"

namespace belfry::bench {

Deliveries::Deliveries(const JobMaker* maker, uint64_t jobs, int64_t period_us)
    : maker_(maker), period_us_(period_us), seen_(jobs) {}

void Deliveries::Record(std::string_view name) {
  const int64_t wall_ns = WallNs();
  const int64_t now = MonotonicNs();
  const auto tag = maker_->Parse(name);

  MutexLock lock(&mutex_);
  if (!tag.has_value() || tag->number >= seen_.size()) {
    ++counts_.foreign;
    return;
  }
  const uint32_t seen = seen_[tag->number]++;
  if (seen > 0 && period_us_ == 0) {
    ++counts_.duplicates;
    return;
  }
  if (counts_.received == 0) counts_.first_ns = now;
  counts_.last_ns = now;
  if (counts_.last_jobs.size() < kLastJobs) counts_.last_jobs.resize(counts_.received + 1);
  counts_.last_jobs[counts_.received % kLastJobs] = *tag;
  ++counts_.received;
  if (tag->due_us != 0) {
    const int64_t due_us = tag->due_us + int64_t{seen} * period_us_;
    const int64_t late_ns = wall_ns - due_us * kNsPerUs;
    if (late_ns < 0) ++counts_.early;
    counts_.lateness.Record(late_ns);
  }
  if (counts_.received >= wanted_) reached_.SignalAll();
}

Histogram Deliveries::TakeLateness() {
  MutexLock lock(&mutex_);
  return std::exchange(counts_.lateness, {});
}

bool Deliveries::WaitFor(uint64_t count, int64_t timeout_ns) {
  const int64_t deadline = MonotonicNs() + timeout_ns;
  MutexLock lock(&mutex_);
  wanted_ = count;
  while (counts_.received < count) {
    const int64_t left = deadline - MonotonicNs();
    if (left <= 0) return false;
    reached_.WaitFor(absl::Nanoseconds(left));
  }
  return true;
}

uint64_t Deliveries::received() const {
  MutexLock lock(&mutex_);
  return counts_.received;
}

DeliveryCounts Deliveries::counts() const {
  MutexLock lock(&mutex_);
  return counts_;
}

}  // namespace belfry::bench
