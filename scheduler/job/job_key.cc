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

// The target and, for actors, the id: what precedes a job's name.
std::string EncodeOwner(const JobKey& key) {
  std::string bytes = EncodeTargetKey(key.target);
  if (key.target.kind == TargetKind::kActor) AppendClosedPart(&bytes, key.actor_id);
  return bytes;
}

absl::Status CheckActorId(std::string_view id) {
  return CheckNamePart("actor id", id, 0, kMaxActorIdBytes);
}

}  // namespace

absl::StatusOr<TargetKey> ParseTarget(const JobMetadata& metadata) {
  if (metadata.namespace_().empty() || metadata.app_id().empty()) {
    return absl::InvalidArgumentError("missing namespace or appID in request");
  }
  TargetKey target;
  target.ns = metadata.namespace_();
  RETURN_IF_ERROR(CheckNamePart("namespace", target.ns, 1, kMaxNamespaceBytes));
  RETURN_IF_ERROR(CheckNamePart("app id", metadata.app_id(), 1, kMaxTargetBytes));
  if (metadata.target().has_actor()) {
    target.kind = TargetKind::kActor;
    target.name = metadata.target().actor().type();
    RETURN_IF_ERROR(CheckNamePart("actor type", target.name, 1, kMaxTargetBytes));
    return target;
  }
  if (!metadata.target().has_job()) {
    return absl::InvalidArgumentError("unknown job type: the target is neither job nor actor");
  }
  target.name = metadata.app_id();
  return target;
}

absl::StatusOr<JobKey> ParseJobKey(const JobMetadata& metadata, std::string_view name) {
  ASSIGN_OR_RETURN(auto target, ParseTarget(metadata));
  if (target.kind == TargetKind::kActor) {
    RETURN_IF_ERROR(CheckActorId(metadata.target().actor().id()));
  }
  RETURN_IF_ERROR(CheckNamePart("job name", name, 1, kMaxJobNameBytes));
  if (metadata.concurrency_key().size() > kMaxConcurrencyKeyBytes) {
    return absl::InvalidArgumentError(fmt::format("concurrency key of {} bytes: at most {} allowed",
                                                  metadata.concurrency_key().size(),
                                                  kMaxConcurrencyKeyBytes));
  }
  return JobKeyOf(metadata, name);
}

JobKey JobKeyOf(const JobMetadata& metadata, std::string_view name) {
  JobKey key;
  key.target.ns = metadata.namespace_();
  key.name = std::string(name);
  if (metadata.target().has_actor()) {
    key.target.kind = TargetKind::kActor;
    key.target.name = metadata.target().actor().type();
    key.actor_id = metadata.target().actor().id();
  } else {
    key.target.name = metadata.app_id();
  }
  return key;
}

std::string DisplayName(const JobKey& key) {
  if (key.target.kind == TargetKind::kApp) {
    return fmt::format("app||{}||{}||{}", key.target.ns, key.target.name, key.name);
  }
  return fmt::format("actorreminder||{}||{}||{}||{}", key.target.ns, key.target.name, key.actor_id,
                     key.name);
}

std::string EncodeTargetKey(const TargetKey& key) {
  std::string bytes(KindByte(key.kind));
  AppendClosedPart(&bytes, key.ns);
  AppendClosedPart(&bytes, key.name);
  return bytes;
}

std::string EncodeGroupKey(const TargetKey& target, std::string_view concurrency_key) {
  std::string bytes = EncodeTargetKey(target);
  if (!concurrency_key.empty()) AppendClosedPart(&bytes, concurrency_key);
  return bytes;
}

std::optional<std::string> NamespacePart(std::string_view job_key) {
  if (job_key.empty()) return std::nullopt;
  job_key.remove_prefix(1);
  return TakePart(&job_key);
}

std::optional<std::string> TargetPart(std::string_view job_key) {
  std::string_view rest = job_key;
  if (!rest.empty()) rest.remove_prefix(1);
  if (!TakePart(&rest).has_value() || !TakePart(&rest).has_value()) return std::nullopt;
  return std::string(job_key.substr(0, job_key.size() - rest.size()));
}

std::optional<TargetKey> DecodeTargetKey(std::string_view target_key) {
  if (target_key.empty()) return std::nullopt;
  TargetKey key;
  key.kind =
      target_key.starts_with(KindByte(TargetKind::kApp)) ? TargetKind::kApp : TargetKind::kActor;
  std::string_view rest = target_key.substr(1);
  auto ns = TakePart(&rest);
  auto name = TakePart(&rest);
  if (!ns.has_value() || !name.has_value() || !rest.empty()) return std::nullopt;
  key.ns = *std::move(ns);
  key.name = *std::move(name);
  return key;
}

std::optional<GroupKeyParts> ParseGroupKey(std::string_view group_key) {
  auto target = TargetPart(group_key);
  if (!target.has_value()) return std::nullopt;
  std::string_view rest = group_key.substr(target->size());
  GroupKeyParts parts{*std::move(target), ""};
  if (rest.empty()) return parts;
  auto concurrency_key = TakePart(&rest);
  if (!concurrency_key.has_value() || !rest.empty()) return std::nullopt;
  parts.concurrency_key = *std::move(concurrency_key);
  return parts;
}

std::string EncodeJobKey(const JobKey& key) {
  std::string bytes = EncodeOwner(key);
  AppendClosedPart(&bytes, key.name);
  return bytes;
}

std::optional<JobKey> DecodeJobKey(std::string_view job_key) {
  const auto target_part = TargetPart(job_key);
  if (!target_part.has_value()) return std::nullopt;
  auto target = DecodeTargetKey(*target_part);
  if (!target.has_value()) return std::nullopt;
  JobKey key{*std::move(target), "", ""};
  std::string_view rest = job_key.substr(target_part->size());
  if (key.target.kind == TargetKind::kActor) {
    auto actor_id = TakePart(&rest);
    if (!actor_id.has_value()) return std::nullopt;
    key.actor_id = *std::move(actor_id);
  }
  auto name = TakePart(&rest);
  if (!name.has_value() || !rest.empty()) return std::nullopt;
  key.name = *std::move(name);
  return key;
}

std::vector<std::string> NamespacePrefixes(std::string_view ns) {
  std::vector<std::string> prefixes;
  for (const TargetKind kind : {TargetKind::kApp, TargetKind::kActor}) {
    std::string prefix(KindByte(kind));
    if (!ns.empty()) AppendClosedPart(&prefix, ns);
    prefixes.push_back(std::move(prefix));
  }
  return prefixes;
}

absl::StatusOr<std::string> ListPrefix(const JobMetadata& metadata) {
  return MetadataPrefix(metadata, /*id_prefix_match=*/false);
}

absl::StatusOr<std::string> MetadataPrefix(const JobMetadata& metadata, bool id_prefix_match) {
  ASSIGN_OR_RETURN(const auto target, ParseTarget(metadata));
  if (target.kind == TargetKind::kApp) return EncodeTargetKey(target);
  const std::string& id = metadata.target().actor().id();
  RETURN_IF_ERROR(CheckActorId(id));
  if (!id_prefix_match) {
    return id.empty() ? EncodeTargetKey(target) : EncodeOwner(JobKeyOf(metadata, ""));
  }
  std::string bytes(KindByte(target.kind));
  AppendClosedPart(&bytes, target.ns);
  if (id.empty()) {
    AppendOpenPart(&bytes, target.name);
    return bytes;
  }
  AppendClosedPart(&bytes, target.name);
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
