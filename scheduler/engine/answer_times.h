#pragma once

// AnswerTimes: which triggers have waited too long for their answers, where that is limited.
// Times are monotonic. Not thread-safe: belongs to the loop.

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "scheduler/engine/watcher.h"

namespace belfry {

class AnswerTimes {
 public:
  struct Trigger {
    WatcherId watcher = 0;
    uint64_t id = 0;
    absl::Duration sent_at;
  };

  // Zero means no limit: then nothing is noted.
  explicit AnswerTimes(absl::Duration max) : max_(max) {}

  // A trigger was sent. REQUIRES: not before the last one.
  void Sent(WatcherId watcher, uint64_t trigger_id, absl::Duration now);
  // It was answered, or its watcher is gone. Unknown ones are ignored.
  void Forget(WatcherId watcher, uint64_t trigger_id);
  // Takes the oldest trigger that was sent the limit ago, or before; nullopt if there is none.
  std::optional<Trigger> TakeOverdue(absl::Duration now);

 private:
  const absl::Duration max_;
  uint64_t last_number_ = 0;
  absl::btree_map<uint64_t, Trigger> by_number_;  // in the order of sending
  absl::flat_hash_map<std::pair<WatcherId, uint64_t>, uint64_t> numbers_;
};

}  // namespace belfry
