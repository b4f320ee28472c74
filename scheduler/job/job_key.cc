#include "scheduler/job/job_key.h"

#include <utility>

#include "scheduler/base/limits.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/job/job_name.h"
#include "scheduler/job/key_codec.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

using dapr::proto::scheduler::v1::JobMetadata;

std::string_view KindByte(TargetKind kind) { return kind == TargetKind::kApp ? "a" : "r"; }

// The group and, for actors, the id: what precedes a job's name.
std::string EncodeOwner(const JobKey& key) {
  std::string bytes = EncodeGroupKey(key.group);
  if (key.group.kind == TargetKind::kActor) AppendClosedPart(&bytes, key.actor_id);
  return bytes;
}

absl::Status CheckActorId(std::string_view id) {
  return CheckNamePart("actor id", id, 0, kMaxActorIdBytes);
}

}  // namespace

absl::StatusOr<GroupKey> ParseGroup(const JobMetadata& metadata) {
  if (metadata.namespace_().empty() || metadata.app_id().empty()) {
    return absl::InvalidArgumentError("missing namespace or appID in request");
  }
  GroupKey group;
  group.ns = metadata.namespace_();
  RETURN_IF_ERROR(CheckNamePart("namespace", group.ns, 1, kMaxNamespaceBytes));
  RETURN_IF_ERROR(CheckNamePart("app id", metadata.app_id(), 1, kMaxTargetBytes));
  if (metadata.target().has_actor()) {
    group.kind = TargetKind::kActor;
    group.target = metadata.target().actor().type();
    RETURN_IF_ERROR(CheckNamePart("actor type", group.target, 1, kMaxTargetBytes));
    return group;
  }
  if (!metadata.target().has_job()) {
    return absl::InvalidArgumentError("unknown job type: the target is neither job nor actor");
  }
  group.target = metadata.app_id();
  return group;
}

absl::StatusOr<JobKey> ParseJobKey(const JobMetadata& metadata, std::string_view name) {
  ASSIGN_OR_RETURN(auto group, ParseGroup(metadata));
  if (group.kind == TargetKind::kActor) {
    RETURN_IF_ERROR(CheckActorId(metadata.target().actor().id()));
  }
  RETURN_IF_ERROR(CheckNamePart("job name", name, 1, kMaxJobNameBytes));
  return JobKeyOf(metadata, name);
}

JobKey JobKeyOf(const JobMetadata& metadata, std::string_view name) {
  JobKey key;
  key.group.ns = metadata.namespace_();
  key.name = std::string(name);
  if (metadata.target().has_actor()) {
    key.group.kind = TargetKind::kActor;
    key.group.target = metadata.target().actor().type();
    key.actor_id = metadata.target().actor().id();
  } else {
    key.group.target = metadata.app_id();
  }
  return key;
}

std::string DisplayName(const JobKey& key) {
  if (key.group.kind == TargetKind::kApp) {
    return fmt::format("app||{}||{}||{}", key.group.ns, key.group.target, key.name);
  }
  return fmt::format("actorreminder||{}||{}||{}||{}", key.group.ns, key.group.target, key.actor_id,
                     key.name);
}

std::string EncodeGroupKey(const GroupKey& key) {
  std::string bytes(KindByte(key.kind));
  AppendClosedPart(&bytes, key.ns);
  AppendClosedPart(&bytes, key.target);
  return bytes;
}

std::string EncodeJobKey(const JobKey& key) {
  std::string bytes = EncodeOwner(key);
  AppendClosedPart(&bytes, key.name);
  return bytes;
}

absl::StatusOr<std::string> ListPrefix(const JobMetadata& metadata) {
  return MetadataPrefix(metadata, /*id_prefix_match=*/false);
}

absl::StatusOr<std::string> MetadataPrefix(const JobMetadata& metadata, bool id_prefix_match) {
  ASSIGN_OR_RETURN(const auto group, ParseGroup(metadata));
  if (group.kind == TargetKind::kApp) return EncodeGroupKey(group);
  const std::string& id = metadata.target().actor().id();
  RETURN_IF_ERROR(CheckActorId(id));
  if (!id_prefix_match) {
    return id.empty() ? EncodeGroupKey(group) : EncodeOwner(JobKeyOf(metadata, ""));
  }
  std::string bytes(KindByte(group.kind));
  AppendClosedPart(&bytes, group.ns);
  if (id.empty()) {
    AppendOpenPart(&bytes, group.target);
    return bytes;
  }
  AppendClosedPart(&bytes, group.target);
  AppendOpenPart(&bytes, id);
  return bytes;
}

absl::StatusOr<std::string> NamePrefix(const JobMetadata& metadata, std::string_view name_prefix) {
  ASSIGN_OR_RETURN(std::string bytes, ListPrefix(metadata));
  // What follows makes a name of it: "." and ".." are forbidden as names only.
  if (name_prefix != "." && name_prefix != "..") {
    RETURN_IF_ERROR(CheckNamePart("name prefix", name_prefix, 0, kMaxJobNameBytes));
  }
  AppendOpenPart(&bytes, name_prefix);
  return bytes;
}

}  // namespace belfry
