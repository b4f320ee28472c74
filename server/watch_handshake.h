#pragma once

// What the first message of a WatchJobs stream asks for.

#include <vector>

#include "absl/status/statusor.h"
#include "dapr/proto/scheduler/v1/scheduler.pb.h"
#include "scheduler/base/limits.h"
#include "scheduler/engine/events.h"
#include "scheduler/job/job_key.h"

namespace belfry::server {

struct Handshake {
  // Whose triggers the stream takes: the app, if it accepts jobs, and each of its actor types, if
  // it accepts reminders; a type that is named twice is there twice.
  std::vector<TargetKey> targets;
  // Limits of actor types of the stream's namespace, whether the stream takes their triggers or
  // not.
  std::vector<ConcurrencyLimit> limits;
};

// Errors: Unknown "initial request is required on stream connection" if it is not an initial
// message; InvalidArgument for a missing or malformed namespace or app id, and if nothing is left
// to receive; ResourceExhausted for more targets or concurrency limits than `limits` allows;
// Unknown "duplicate target type specified: <name>".
absl::StatusOr<Handshake> ParseHandshake(const dapr::proto::scheduler::v1::WatchJobsRequest& first,
                                         const Limits& limits = {});

}  // namespace belfry::server
