#pragma once

// Brings triggers to the app.

#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"
#include "belfry/worker.h"
#include "client/sidecar/app_channel.h"
#include "client/sidecar/metrics.h"

namespace belfry::sidecar {

// Thread safety: all methods may be called from any thread.
class Delivery {
 public:
  // `app` is null if there is no app: every trigger fails then. Both must outlive this object, and
  // no delivery may be in progress when it is destroyed.
  Delivery(AppChannel* app, JobMetrics& metrics) : app_(app), metrics_(metrics) {}

  // Handles a trigger as belfry::Worker wants it.
  void Handle(dapr::proto::scheduler::v1::WatchJobsResponse trigger, Worker::Done done);

  // From now on new triggers are left unanswered, so that the scheduler gives them to somebody else
  // when the streams end. Waits until those in progress have ended, for at most `timeout`; false if
  // some have not.
  bool Drain(absl::Duration timeout);

 private:
  // Whether a delivery may begin; counts it then.
  bool Begin();
  void End();

  AppChannel* const app_;
  JobMetrics& metrics_;
  std::mutex mutex_;
  // Notified when in_progress_ becomes 0.
  std::condition_variable idle_;
  int in_progress_ = 0;    // under mutex_
  bool draining_ = false;  // under mutex_
};

}  // namespace belfry::sidecar
