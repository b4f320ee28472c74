#pragma once

// StallAlarm: cancels a call on which nothing happens for too long.

#include <memory>

#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/server_context.h"

namespace belfry::server {

// Thread safety: belongs to the call's thread.
class StallAlarm {
 public:
  // Cancels `call`, which is borrowed, unless Reset or the end of this object comes within `limit`.
  StallAlarm(grpc::ServerContextBase* call, absl::Duration limit);
  ~StallAlarm();
  StallAlarm(const StallAlarm&) = delete;
  StallAlarm& operator=(const StallAlarm&) = delete;

  // Something has happened: the time begins anew.
  void Reset();

 private:
  struct Shared;

  const absl::Duration limit_;
  // Outlives the object while an alarm is going off.
  const std::shared_ptr<Shared> shared_;
  std::unique_ptr<grpc::Alarm> alarm_;
};

}  // namespace belfry::server
