#include "server/stall_alarm.h"

#include <chrono>

#include "absl/base/thread_annotations.h"
#include "scheduler/base/mutex.h"

namespace belfry::server {

struct StallAlarm::Shared {
  Mutex mutex;
  // Null once the call is over.
  grpc::ServerContextBase* call ABSL_GUARDED_BY(mutex);
  // Of the alarm that counts.
  uint64_t number ABSL_GUARDED_BY(mutex) = 0;
};

StallAlarm::StallAlarm(grpc::ServerContextBase* call, absl::Duration limit)
    : limit_(limit), shared_(std::make_shared<Shared>()) {
  {
    MutexLock lock(&shared_->mutex);
    shared_->call = call;
  }
  Reset();
}

StallAlarm::~StallAlarm() {
  MutexLock lock(&shared_->mutex);
  shared_->call = nullptr;
}

void StallAlarm::Reset() {
  uint64_t number = 0;
  {
    MutexLock lock(&shared_->mutex);
    number = ++shared_->number;
  }
  // Cancels the one before.
  alarm_ = std::make_unique<grpc::Alarm>();
  alarm_->Set(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(limit_),
              [shared = shared_, number](bool is_due) {
                MutexLock lock(&shared->mutex);
                if (is_due && shared->call != nullptr && shared->number == number) {
                  shared->call->TryCancel();
                }
              });
}

}  // namespace belfry::server
