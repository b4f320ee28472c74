#pragma once

// StopWatch: a watcher that notes when each trigger left the loop, and answers it.
// Thread safety: all methods may be called from any thread.

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/base/mutex.h"
#include "scheduler/loop/scheduler_loop.h"

namespace belfry {

class StopWatch final : public Watcher {
 public:
  struct Trigger {
    std::string name;
    std::string payload;
    absl::Time came;
  };

  // Connects one to an app's jobs. `loop` is borrowed.
  static std::shared_ptr<StopWatch> Connect(SchedulerLoop* loop, const TargetKey& target) {
    auto watch = std::make_shared<StopWatch>(loop);
    // What is due already may be sent before AddWatcher returns: Send waits for the id.
    MutexLock lock(&watch->mutex_);
    watch->id_ = loop->AddWatcher(watch, {target});
    return watch;
  }

  explicit StopWatch(SchedulerLoop* loop) : loop_(loop) {}

  void Send(dapr::proto::scheduler::v1::WatchJobsResponse trigger) override {
    const absl::Time now = absl::FromChrono(std::chrono::system_clock::now());
    MutexLock lock(&mutex_);
    loop_->Settle(id_, trigger.id(), Outcome::kSuccess);
    came_.push_back({trigger.name(), trigger.data().value(), now});
    more_.SignalAll();
  }
  size_t unsent_bytes() const override { return 0; }

  // The triggers so far, once there are `count` or `timeout` has passed.
  std::vector<Trigger> WaitFor(size_t count, absl::Duration timeout) {
    const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
    MutexLock lock(&mutex_);
    while (came_.size() < count && std::chrono::steady_clock::now() < end) {
      more_.WaitFor(absl::Seconds(1));
    }
    return came_;
  }

  void Disconnect() {
    MutexLock lock(&mutex_);
    loop_->RemoveWatcher(id_);
  }

 private:
  SchedulerLoop* const loop_;
  Mutex mutex_;
  CondVar more_{&mutex_};  // signalled with every trigger
  WatcherId id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Trigger> came_ ABSL_GUARDED_BY(mutex_);
};

// Metadata of the jobs of an app in namespace "ns".
inline dapr::proto::scheduler::v1::JobMetadata MetadataOf(const std::string& app) {
  dapr::proto::scheduler::v1::JobMetadata metadata;
  metadata.set_namespace_("ns");
  metadata.set_app_id(app);
  metadata.mutable_target()->mutable_job();
  return metadata;
}

inline std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E9SZ", time, absl::UTCTimeZone());
}

}  // namespace belfry
