#include "server/watch_handshake.h"

#include <set>
#include <string>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "scheduler/base/limits.h"
#include "scheduler/base/status_macros.h"

namespace belfry::server {
namespace {

namespace pb = dapr::proto::scheduler::v1;

// Values that this program does not know are printed as numbers, and accept nothing.
std::string TargetTypeName(int type) {
  const std::string name = pb::JobTargetType_Name(static_cast<pb::JobTargetType>(type));
  return name.empty() ? fmt::format("{}", type) : name;
}

// Limits that are not positive, or not of an actor type, mean nothing.
std::vector<ConcurrencyLimit> ParseLimits(const pb::WatchJobsRequestInitial& initial) {
  std::vector<ConcurrencyLimit> limits;
  for (const pb::ConcurrencyLimit& limit : initial.concurrency_limits()) {
    if (limit.max_concurrent() <= 0 || !limit.has_actor()) continue;
    limits.push_back({{TargetKind::kActor, initial.namespace_(), limit.actor().type()},
                      limit.name(),
                      static_cast<size_t>(limit.max_concurrent())});
  }
  return limits;
}

absl::Status CheckSizes(const pb::WatchJobsRequestInitial& initial, const Limits& limits) {
  // With the app itself.
  const size_t targets = static_cast<size_t>(initial.actor_types_size()) + 1;
  if (targets > limits.max_stream_targets) {
    return absl::ResourceExhaustedError(
        fmt::format("{} targets are too many for one stream (limit: --max-stream-targets={})",
                    targets, limits.max_stream_targets));
  }
  const auto declared = static_cast<size_t>(initial.concurrency_limits_size());
  if (declared > limits.max_stream_limits) {
    return absl::ResourceExhaustedError(fmt::format(
        "{} concurrency limits are too many for one stream (limit: --max-stream-limits={})",
        declared, limits.max_stream_limits));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Handshake> ParseHandshake(const pb::WatchJobsRequest& first, const Limits& limits) {
  if (!first.has_initial()) {
    return absl::UnknownError("initial request is required on stream connection");
  }
  const pb::WatchJobsRequestInitial& initial = first.initial();

  RETURN_IF_ERROR(CheckSizes(initial, limits));

  pb::JobMetadata metadata;
  metadata.set_namespace_(initial.namespace_());
  metadata.set_app_id(initial.app_id());
  metadata.mutable_target()->mutable_job();
  ASSIGN_OR_RETURN(TargetKey app, ParseTarget(metadata));

  std::set<int> accepted;
  for (const int type : initial.accept_job_types()) {
    if (!accepted.insert(type).second) {
      return absl::UnknownError(
          fmt::format("duplicate target type specified: {}", TargetTypeName(type)));
    }
  }

  const bool both = accepted.empty();
  Handshake handshake;
  std::vector<TargetKey>& targets = handshake.targets;
  if (both || accepted.contains(pb::JOB_TARGET_TYPE_JOB)) targets.push_back(std::move(app));
  if (both || accepted.contains(pb::JOB_TARGET_TYPE_ACTOR_REMINDER)) {
    for (const std::string& type : initial.actor_types()) {
      targets.push_back(TargetKey{TargetKind::kActor, initial.namespace_(), type});
    }
  }
  if (targets.empty()) {
    return absl::InvalidArgumentError(
        "nothing to watch: the accepted job types need actor types, and none are given");
  }
  handshake.limits = ParseLimits(initial);
  return handshake;
}

}  // namespace belfry::server
