#pragma once

// ScheduleCalls: ScheduleJob calls under way. Call objects and their messages are used again, as
// the load generator shares the machine with what it measures.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "scheduler/base/mutex.h"
#include "tests/bench/connections.h"
#include "tests/bench/job_maker.h"
#include "tests/bench/poller.h"

namespace belfry::bench {

// How a call ended.
struct CallResult {
  JobTag tag;
  int64_t intended_ns = 0;  // monotonic: when it should have begun, so that waiting for a free
                            // moment to begin it counts as its latency
  int64_t ended_ns = 0;
  const grpc::Status* status = nullptr;
};

// Thread safety: all methods may be called from any thread.
class ScheduleCalls {
 public:
  // `ended` runs on a poller's thread, once for each call, and may start others. All arguments are
  // borrowed.
  ScheduleCalls(Connections* connections, const JobMaker* maker,
                std::function<void(const CallResult&)> ended);
  // REQUIRES: idle.
  ~ScheduleCalls();

  // Begins a call for a job; recurring if `period_us` is not 0.
  void Start(JobTag tag, int64_t period_us, int64_t intended_ns);

  // Waits until no call is under way; cancels what is left after `timeout_ns`, which then ends with
  // Cancelled, and tells whether that was needed.
  bool Drain(int64_t timeout_ns);

 private:
  class Call;

  Call* TakeFree();
  void Ended(Call* call);

  Connections* const connections_;
  const JobMaker* const maker_;
  const std::function<void(const CallResult&)> ended_;

  Mutex mutex_;
  CondVar became_idle_{&mutex_};  // signalled when the last call ends
  std::vector<std::unique_ptr<Call>> calls_ ABSL_GUARDED_BY(mutex_);  // all that were ever made
  std::vector<Call*> free_ ABSL_GUARDED_BY(mutex_);
  size_t under_way_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t next_connection_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace belfry::bench
