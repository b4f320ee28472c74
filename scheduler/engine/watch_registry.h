#pragma once

// WatchRegistry: which watchers receive the jobs of which targets, whose turn it is, and what each
// has outstanding. Round robin is strict per target, in the order in which watchers came.
// Not thread-safe: belongs to the loop.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "scheduler/base/limits.h"
#include "scheduler/engine/watcher.h"

namespace belfry {

class WatchRegistry {
 public:
  // What a trigger is about.
  struct Trigger {
    uint64_t job_id = 0;
    uint32_t group_id = 0;
  };
  // A trigger that a removed watcher had not answered.
  struct Unanswered {
    uint64_t trigger_id = 0;
    Trigger trigger;
  };

  // Of the limits it needs those of a stream's unsent bytes and triggers in flight.
  explicit WatchRegistry(const Limits& limits = {}) : limits_(limits) {}

  // Adds a watcher to targets; a target named twice gets two turns.
  void Add(WatcherId id, std::shared_ptr<Watcher> watcher, const std::vector<uint32_t>& targets);

  // Removes a watcher; returns its targets. REQUIRES: Contains(id). Unanswered triggers are
  // appended in the order in which they were sent.
  std::vector<uint32_t> Remove(WatcherId id, std::vector<Unanswered>* unanswered);

  bool Contains(WatcherId id) const { return watchers_.contains(id); }
  bool HasWatchers(uint32_t target) const { return targets_.contains(target); }
  const std::vector<uint32_t>* TargetsOf(WatcherId id) const;

  // Whether some watcher of the target has room for a trigger.
  bool HasCredit(uint32_t target) const;

  // Reserves room for one trigger on the next watcher in turn that has some; nullopt if none has.
  std::optional<WatcherId> Reserve(uint32_t target);
  // Whether a reservation on the watcher can be used now: it is there, and not full of unsent
  // bytes.
  bool CanTake(WatcherId id) const;
  // Gives a reservation back. Does nothing if the watcher is gone.
  void Unreserve(WatcherId id);

  // Turns a reservation into a trigger that awaits its answer; returns the trigger's id, counted
  // from 1 for each watcher. Its bytes count as unsent until EndTurn, when the watcher counts them.
  // REQUIRES: Contains(id) and a reservation.
  uint64_t Assign(WatcherId id, Trigger trigger, size_t bytes);
  // The triggers that were assigned have been handed to their watchers.
  void EndTurn();

  // Takes the answer to a trigger: what it was about, or nullopt if it is unknown.
  std::optional<Trigger> Release(WatcherId id, uint64_t trigger_id);

  // REQUIRES: Contains(id).
  const std::shared_ptr<Watcher>& watcher(WatcherId id) const;

  // How many unanswered triggers there are of each group; for checks.
  absl::flat_hash_map<uint32_t, size_t> UnansweredByGroup() const;

  size_t watcher_count() const { return watchers_.size(); }

 private:
  struct State {
    std::shared_ptr<Watcher> watcher;
    std::vector<uint32_t> targets;
    absl::flat_hash_map<uint64_t, Trigger> in_flight;  // by trigger id
    size_t reserved = 0;
    size_t assigned_bytes = 0;  // in this turn
    uint64_t last_trigger_id = 0;
  };
  struct Members {
    std::vector<WatcherId> ids;
    size_t cursor = 0;  // whose turn is next
  };

  bool HasRoomForBytes(const State& state) const;
  bool HasRoom(const State& state) const;

  const Limits limits_;
  absl::flat_hash_map<WatcherId, State> watchers_;
  absl::flat_hash_map<uint32_t, Members> targets_;
  std::vector<WatcherId> assigned_;  // watchers with assigned_bytes
};

}  // namespace belfry
