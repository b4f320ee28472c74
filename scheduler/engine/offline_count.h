#pragma once

// OfflineCount: counts the jobs that come due while nobody receives them, for a metric.
//
// Nothing of a group without watchers is in memory. So when an entry of its index may have come
// due, a slice of the index is read, what is due in it is counted, and the slice is forgotten: an
// entry is looked at once, some hundred bytes are kept for a group, nothing for a job. One slice is
// read at a time, whatever the number of groups, so that nobody else's reads wait long.
// Not thread-safe: belongs to the loop.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "scheduler/engine/trigger_queue.h"
#include "scheduler/engine/window.h"

namespace belfry {

class OfflineCount {
 public:
  // A group has no watchers now. Its entries before `from` are not counted. REQUIRES: not added.
  void Add(uint32_t group_id, absl::Time from);
  // As Add for a group without entries.
  void AddEmpty(uint32_t group_id);
  // The group has watchers, or is gone. Does nothing if it was not added.
  void Remove(uint32_t group_id);
  bool Contains(uint32_t group_id) const { return groups_.contains(group_id); }

  // An entry of the group was written. True if it has to be counted now, as it lies before what was
  // counted already. Does nothing for a group that was not added.
  bool Note(uint32_t group_id, Position position);

  // The slice that is to be read now, if any; the caller must carry it out and call Take.
  std::optional<ScanRequest> NextScan(absl::Time now);

  // Takes a slice: how many of its entries are due and were not counted before.
  size_t Take(const ScanResult& result, absl::Time now);

 private:
  struct State {
    uint64_t generation = 0;          // tells apart stays offline of one group
    Position from = FirstPosition();  // entries before this are counted
    Position cap = LastPosition();    // earliest entry that was written while a slice was read
    absl::Time first = absl::InfiniteFuture();  // no entry that is not counted lies before this
  };

  State* Insert(uint32_t group_id);
  void Place(uint32_t group_id, const State& state);

  absl::flat_hash_map<uint32_t, State> groups_;
  TriggerQueue waiting_;  // groups, by State::first
  bool pending_ = false;  // a slice is being read
  uint32_t pending_group_ = 0;
  uint64_t last_generation_ = 0;
};

}  // namespace belfry
