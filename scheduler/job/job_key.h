#pragma once

// Whose a job is and what it is called: the keys by which jobs are stored, grouped and matched.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dapr/proto/scheduler/v1/scheduler.pb.h"

namespace belfry {

enum class TargetKind { kApp, kActor };

// Who a job is for, and so which watchers can receive it.
struct TargetKey {
  TargetKind kind = TargetKind::kApp;
  std::string ns;
  std::string name;  // app id, or actor type

  friend bool operator==(const TargetKey&, const TargetKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const TargetKey& k) {
    return H::combine(std::move(h), k.kind, k.ns, k.name);
  }
};

struct JobKey {
  TargetKey target;
  std::string actor_id;  // only for TargetKind::kActor; may be empty
  std::string name;      // bare job name

  friend bool operator==(const JobKey&, const JobKey&) = default;
};

// Checks namespace, app id and target: InvalidArgument "missing namespace or appID in request",
// "unknown job type", or what is wrong with a name.
absl::StatusOr<TargetKey> ParseTarget(const dapr::proto::scheduler::v1::JobMetadata& metadata);

// As ParseTarget, and checks the job's name, actor id and concurrency key.
absl::StatusOr<JobKey> ParseJobKey(const dapr::proto::scheduler::v1::JobMetadata& metadata,
                                   std::string_view name);

// As ParseJobKey for a record that was accepted earlier; checks nothing.
JobKey JobKeyOf(const dapr::proto::scheduler::v1::JobMetadata& metadata, std::string_view name);

// "app||<namespace>||<app id>||<name>" and its actor form: how users see a key in messages.
std::string DisplayName(const JobKey& key);

// Order-preserving bytes: every part is escaped and closed by a terminator that sorts before any
// continuation, so no part can reach into the next.
std::string EncodeTargetKey(const TargetKey& key);
std::string EncodeJobKey(const JobKey& key);
// The key of a group: those jobs of a target that have the same concurrency key, or none ("").
std::string EncodeGroupKey(const TargetKey& target, std::string_view concurrency_key);

// A group's key taken apart; nullopt if it is malformed.
struct GroupKeyParts {
  std::string target;  // EncodeTargetKey
  std::string concurrency_key;
};
std::optional<GroupKeyParts> ParseGroupKey(std::string_view group_key);
// The target of an encoded target key; nullopt if it is malformed.
std::optional<TargetKey> DecodeTargetKey(std::string_view target_key);
// The namespace of an encoded job key; nullopt if it is malformed.
std::optional<std::string> NamespacePart(std::string_view job_key);
// An encoded job key taken apart; nullopt if it is malformed.
std::optional<JobKey> DecodeJobKey(std::string_view job_key);
// The target's part of an encoded job key; nullopt if it is malformed.
std::optional<std::string> TargetPart(std::string_view job_key);

// Prefixes of encoded job keys. All are closed, except for what the caller leaves open on purpose.
// All jobs of an app; of an actor type (empty id) or of one actor.
absl::StatusOr<std::string> ListPrefix(const dapr::proto::scheduler::v1::JobMetadata& metadata);
// All jobs of a namespace, of apps and of actors; of all namespaces if it is empty.
std::vector<std::string> NamespacePrefixes(std::string_view ns);
// As ListPrefix; with id_prefix_match the actor id (or the type, if there is no id) is left open.
absl::StatusOr<std::string> MetadataPrefix(const dapr::proto::scheduler::v1::JobMetadata& metadata,
                                           bool id_prefix_match);
// The jobs of an app or actor whose names begin with `name_prefix`; with an actor type and no id,
// the actors whose ids begin with it.
absl::StatusOr<std::string> NamePrefix(const dapr::proto::scheduler::v1::JobMetadata& metadata,
                                       std::string_view name_prefix);

}  // namespace belfry
