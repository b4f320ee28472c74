#pragma once

// Whose jobs there are in a run, and how the oracle names them. The names are chosen so that one is
// the beginning of another.

#include <string>
#include <string_view>
#include <vector>

#include "dapr/proto/scheduler/v1/scheduler.pb.h"
#include "scheduler/job/job_key.h"
#include "tests/support/random.h"

namespace belfry::sim {

inline constexpr int kGroupCount = 4;
inline constexpr int kActorGroup = 3;

// The owners of jobs in a run, by number.
TargetKey GroupOf(int group);

// The concurrency keys that jobs may have, and "" for none. One is the beginning of another.
const std::vector<std::string>& ConcurrencyKeys();

// A concurrency limit: of all jobs of an owner (no key), or of those with one key.
struct SimLimit {
  int group = 0;
  std::string key;
  size_t max = 0;
};

// One job's identity.
struct Name {
  int group = 0;
  std::string actor;  // id; only in kActorGroup
  std::string name;

  friend auto operator<=>(const Name&, const Name&) = default;
  std::string ToString() const;
};

// The request's way of naming the owner of a job.
dapr::proto::scheduler::v1::JobMetadata MetadataOf(int group, const std::string& actor,
                                                   const std::string& concurrency_key = "");
// The identity of a job that a message is about; group -1 if it is of nobody in the run.
Name NameOf(const dapr::proto::scheduler::v1::JobMetadata& metadata, std::string_view name);

// A set of jobs that one request deletes or lists.
struct Area {
  int group = 0;
  bool any_actor = true;
  std::string actor;        // unless any_actor: the id, or its beginning
  bool whole_actor = true;  // `actor` is the whole id
  std::string begins;       // of the job's name

  bool Contains(const Name& name) const;
  // The prefix of encoded keys that stands for this area.
  std::string Prefix() const;
  std::string ToString() const;
};

Name DrawName(Random& random, int groups, int names);
Area DrawArea(Random& random, int groups);
// All jobs of an owner: what ListJobs can be asked for.
Area DrawOwner(Random& random, int groups);
Area WholeGroup(int group);

}  // namespace belfry::sim
