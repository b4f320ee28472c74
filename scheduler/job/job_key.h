#pragma once

// Whose a job is and what it is called: the keys by which jobs are stored, grouped and matched.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dapr/proto/scheduler/v1/scheduler.pb.h"

namespace belfry {

enum class TargetKind { kApp, kActor };

// A set of jobs that the same watchers can receive.
struct GroupKey {
  TargetKind kind = TargetKind::kApp;
  std::string ns;
  std::string target;  // app id, or actor type

  friend bool operator==(const GroupKey&, const GroupKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const GroupKey& k) {
    return H::combine(std::move(h), k.kind, k.ns, k.target);
  }
};

struct JobKey {
  GroupKey group;
  std::string actor_id;  // only for TargetKind::kActor; may be empty
  std::string name;      // bare job name

  friend bool operator==(const JobKey&, const JobKey&) = default;
};

// Checks namespace, app id and target: InvalidArgument "missing namespace or appID in request",
// "unknown job type", or what is wrong with a name.
absl::StatusOr<GroupKey> ParseGroup(const dapr::proto::scheduler::v1::JobMetadata& metadata);

// As ParseGroup, and checks the job's name.
absl::StatusOr<JobKey> ParseJobKey(const dapr::proto::scheduler::v1::JobMetadata& metadata,
                                   std::string_view name);

// As ParseJobKey for a record that was accepted earlier; checks nothing.
JobKey JobKeyOf(const dapr::proto::scheduler::v1::JobMetadata& metadata, std::string_view name);

// "app||<namespace>||<app id>||<name>" and its actor form: how users see a key in messages.
std::string DisplayName(const JobKey& key);

// Order-preserving bytes: every part is escaped and closed by a terminator that sorts before any
// continuation, so no part can reach into the next.
std::string EncodeGroupKey(const GroupKey& key);
std::string EncodeJobKey(const JobKey& key);

// Prefixes of encoded job keys. All are closed, except for what the caller leaves open on purpose.
// All jobs of an app; of an actor type (empty id) or of one actor.
absl::StatusOr<std::string> ListPrefix(const dapr::proto::scheduler::v1::JobMetadata& metadata);
// As ListPrefix; with id_prefix_match the actor id (or the type, if there is no id) is left open.
absl::StatusOr<std::string> MetadataPrefix(const dapr::proto::scheduler::v1::JobMetadata& metadata,
                                           bool id_prefix_match);
// The jobs of an app or actor whose names begin with `name_prefix`; with an actor type and no id,
// the actors whose ids begin with it.
absl::StatusOr<std::string> NamePrefix(const dapr::proto::scheduler::v1::JobMetadata& metadata,
                                       std::string_view name_prefix);

}  // namespace belfry
