#pragma once

// The engine's private state, shared by its source files.

#include <string>

#include "absl/container/btree_set.h"
#include "scheduler/engine/engine.h"

namespace belfry {

// Who jobs are for: an app, or an actor type, in a namespace. Exists while it has groups, watchers,
// a limit, or unanswered triggers.
struct Engine::Target {
  uint32_t id = 0;  // in memory only
  std::string key;  // encoded target key
  absl::btree_set<uint32_t> groups;
  // Its groups that have a job queued and a slot of their own, by when that job is due.
  TriggerQueue startable;
  size_t slots_taken = 0;
  uint64_t last_throttled = 0;  // job that was last counted as waiting for a slot
  FiringWatch::Place firing;
};

// The jobs of one target that have the same concurrency key, or none: a stretch of the time index
// with its window.
struct Engine::Group {
  uint32_t id = 0;
  uint32_t target_id = 0;
  std::string key;  // encoded group key
  std::string concurrency_key;
  // No unsettled index entry lies before this; as recorded on disk once the group has had a job.
  absl::Time mark = absl::InfiniteFuture();
  Window window;
  absl::btree_set<Position> in_flight;  // index positions
  size_t settled_since_mark = 0;
  absl::Time newest_settled = absl::InfinitePast();  // latest index position that was consumed
  size_t slots_taken = 0;
  std::optional<size_t> max_slots;  // the limit of its concurrency key
  uint64_t last_throttled = 0;
};

struct Engine::InFlight {
  enum class State { kLoading, kReady, kSent };
  uint64_t job_id = 0;
  uint32_t group_id = 0;
  absl::Time due;  // index position
  State state = State::kLoading;
  uint64_t load_id = 0;
  WatcherId watcher = 0;    // reserved, then sent to
  uint64_t trigger_id = 0;  // once sent
  // Once loaded.
  std::string job_key;
  JobSpec spec;
  Progress progress;
  absl::Time tick;  // scheduled time
  bool has_counter = false;
  dapr::proto::scheduler::v1::WatchJobsResponse message;  // until sent

  Position position() const { return {due, job_id}; }
};

// Settled ticks after which a group's mark is raised, so that a restart skips their tombstones.
inline constexpr size_t kSettledPerMark = 4096;

}  // namespace belfry
