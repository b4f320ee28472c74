#pragma once

// Jobs between the sidecar's API and the scheduler's: the same fields in different messages.

#include "dapr/proto/runtime/v1/jobs.pb.h"
#include "dapr/proto/scheduler/v1/scheduler.pb.h"

namespace belfry::sidecar {

dapr::proto::scheduler::v1::Job ToSchedulerJob(const dapr::proto::runtime::v1::Job& job);

dapr::proto::runtime::v1::Job ToRuntimeJob(const std::string& name,
                                           const dapr::proto::scheduler::v1::Job& job);

}  // namespace belfry::sidecar
