#include "server/watch_handshake.h"

#include <set>
#include <string>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "scheduler/base/status_macros.h"

namespace belfry::server {
namespace {

namespace pb = dapr::proto::scheduler::v1;

// Values that this program does not know are printed as numbers, and accept nothing.
std::string TargetTypeName(int type) {
  const std::string name = pb::JobTargetType_Name(static_cast<pb::JobTargetType>(type));
  return name.empty() ? fmt::format("{}", type) : name;
}

}  // namespace

absl::StatusOr<std::vector<GroupKey>> ParseHandshake(const pb::WatchJobsRequest& first) {
  if (!first.has_initial()) {
    return absl::UnknownError("initial request is required on stream connection");
  }
  const pb::WatchJobsRequestInitial& initial = first.initial();

  pb::JobMetadata metadata;
  metadata.set_namespace_(initial.namespace_());
  metadata.set_app_id(initial.app_id());
  metadata.mutable_target()->mutable_job();
  ASSIGN_OR_RETURN(GroupKey app, ParseGroup(metadata));

  std::set<int> accepted;
  for (const int type : initial.accept_job_types()) {
    if (!accepted.insert(type).second) {
      return absl::UnknownError(
          fmt::format("duplicate target type specified: {}", TargetTypeName(type)));
    }
  }

  const bool both = accepted.empty();
  std::vector<GroupKey> groups;
  if (both || accepted.contains(pb::JOB_TARGET_TYPE_JOB)) groups.push_back(std::move(app));
  if (both || accepted.contains(pb::JOB_TARGET_TYPE_ACTOR_REMINDER)) {
    for (const std::string& type : initial.actor_types()) {
      groups.push_back(GroupKey{TargetKind::kActor, initial.namespace_(), type});
    }
  }
  if (groups.empty()) {
    return absl::InvalidArgumentError(
        "nothing to watch: the accepted job types need actor types, and none are given");
  }
  return groups;
}

}  // namespace belfry::server
