#pragma once

// Jobs and triggers as the command line prints them: one JSON object a line, fields that are not
// set left out.

#include <string>
#include <string_view>

#include "dapr/proto/scheduler/v1/scheduler.pb.h"

namespace belfry {

// {"name", "schedule", "repeats", "dueTime", "ttl", "data", "failurePolicy"}
std::string JobLine(std::string_view name, const dapr::proto::scheduler::v1::Job& job);

// {"name", "data"}
std::string TriggerLine(const dapr::proto::scheduler::v1::WatchJobsResponse& trigger);

}  // namespace belfry
