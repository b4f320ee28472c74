#pragma once

// ConcurrencyLimits: how many triggers of a target, or of one concurrency key within it, may be
// unanswered at a time. Watchers declare limits when they connect. The last to declare one sets its
// value, and it holds for everybody until no watcher is left that declared it.
// Not thread-safe: belongs to the loop.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "scheduler/engine/watcher.h"

namespace belfry {

class ConcurrencyLimits {
 public:
  // Of a target, by the engine's number; an empty key stands for all of the target's jobs together.
  struct Limit {
    uint32_t target_id = 0;
    std::string concurrency_key;
    size_t max_concurrent = 0;
  };

  // Takes note of a watcher's limits. REQUIRES: called once per watcher; every limit is at least 1.
  void Declare(WatcherId id, const std::vector<Limit>& limits);

  // Forgets what a watcher declared; returns the targets that it named, each once, in ascending
  // order. Does nothing for a watcher that declared none.
  std::vector<uint32_t> Withdraw(WatcherId id);

  // The limit of a target or of a key within it; nullopt if there is none.
  std::optional<size_t> Of(uint32_t target_id, const std::string& concurrency_key) const;

  // Counts a job that was due and found no slot; does nothing if there is no such limit.
  void CountThrottled(uint32_t target_id, const std::string& concurrency_key);

  // A limit and how many jobs had to wait for it since it was first declared.
  struct Throttled {
    Limit limit;
    uint64_t count = 0;
  };
  // All limits, ordered by target and key.
  std::vector<Throttled> All() const;

  // Whether a limit names the target.
  bool Names(uint32_t target_id) const { return targets_.contains(target_id); }

 private:
  struct Value {
    size_t max_concurrent = 0;
    size_t watchers = 0;  // that declared it and are connected
    uint64_t throttled = 0;
  };

  using ByKey = absl::flat_hash_map<std::string, Value>;

  absl::flat_hash_map<uint32_t, ByKey> targets_;
  // What each watcher declared: target, key; a limit declared twice is here twice.
  absl::flat_hash_map<WatcherId, std::vector<std::pair<uint32_t, std::string>>> declared_;
};

}  // namespace belfry
