#pragma once

// TriggerQueue: an addressable binary min-heap of positions. The front is the earliest time; equal
// times are ordered by id. Every id is in the queue at most once.
// Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "scheduler/job/key_codec.h"

namespace belfry {

class TriggerQueue {
 public:
  bool empty() const { return heap_.empty(); }
  size_t size() const { return heap_.size(); }
  bool Contains(uint64_t id) const { return index_.contains(id); }

  // The earliest entry. REQUIRES: !empty().
  const Position& front() const { return heap_.front(); }

  // Adds an entry. REQUIRES: !Contains(position.id).
  void Push(Position position);

  // Removes and returns the earliest entry. REQUIRES: !empty().
  Position Pop();

  // Removes an entry; false if it is not there.
  bool Remove(uint64_t id);

  // Keeps the `keep` earliest entries and returns the others, in no order.
  std::vector<Position> Truncate(size_t keep);

  // How many entries lie at or before `time`; stops counting at `most`. Takes time in proportion to
  // the result.
  size_t CountUntil(absl::Time time, size_t most) const;

  void Clear();

  // In no order; for tests and for summaries.
  const std::vector<Position>& entries() const { return heap_; }

 private:
  void Place(size_t slot, Position position);
  void SiftUp(size_t slot, Position position);
  void SiftDown(size_t slot, Position position);
  void RemoveSlot(size_t slot);

  std::vector<Position> heap_;
  absl::flat_hash_map<uint64_t, size_t> index_;  // id -> slot in heap_
};

}  // namespace belfry
