#include "scheduler/engine/trigger_queue.h"

#include <algorithm>
#include <utility>

#include "scheduler/base/check.h"

namespace belfry {

void TriggerQueue::Push(Position position) {
  CHECK(!Contains(position.id)) << "id " << position.id << " is queued already";
  heap_.push_back(position);
  SiftUp(heap_.size() - 1, position);
}

Position TriggerQueue::Pop() {
  CHECK(!heap_.empty());
  const Position first = heap_.front();
  RemoveSlot(0);
  return first;
}

bool TriggerQueue::Remove(uint64_t id) {
  const auto it = index_.find(id);
  if (it == index_.end()) return false;
  RemoveSlot(it->second);
  return true;
}

std::vector<Position> TriggerQueue::Truncate(size_t keep) {
  if (heap_.size() <= keep) return {};
  const auto cut = heap_.begin() + static_cast<std::ptrdiff_t>(keep);
  std::nth_element(heap_.begin(), cut, heap_.end());
  std::vector<Position> removed(cut, heap_.end());
  heap_.erase(cut, heap_.end());
  std::sort(heap_.begin(), heap_.end());  // a sorted array is a heap
  index_.clear();
  for (size_t slot = 0; slot < heap_.size(); ++slot) index_[heap_[slot].id] = slot;
  return removed;
}

size_t TriggerQueue::CountUntil(absl::Time time, size_t most) const {
  // What lies below an entry in the heap is not earlier than it.
  std::vector<size_t> slots{0};
  size_t count = 0;
  while (!slots.empty() && count < most) {
    const size_t slot = slots.back();
    slots.pop_back();
    if (slot >= heap_.size() || heap_[slot].time > time) continue;
    ++count;
    slots.push_back(2 * slot + 1);
    slots.push_back(2 * slot + 2);
  }
  return count;
}

void TriggerQueue::Clear() {
  // Gives the memory back: an idle group must not keep what a burst needed.
  heap_ = {};
  index_ = {};
}

void TriggerQueue::Place(size_t slot, Position position) {
  heap_[slot] = position;
  index_[position.id] = slot;
}

void TriggerQueue::SiftUp(size_t slot, Position position) {
  while (slot > 0) {
    const size_t parent = (slot - 1) / 2;
    if (!(position < heap_[parent])) break;
    Place(slot, heap_[parent]);
    slot = parent;
  }
  Place(slot, position);
}

void TriggerQueue::SiftDown(size_t slot, Position position) {
  for (;;) {
    size_t child = 2 * slot + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1] < heap_[child]) ++child;
    if (!(heap_[child] < position)) break;
    Place(slot, heap_[child]);
    slot = child;
  }
  Place(slot, position);
}

void TriggerQueue::RemoveSlot(size_t slot) {
  index_.erase(heap_[slot].id);
  const Position last = heap_.back();
  heap_.pop_back();
  if (slot == heap_.size()) return;
  if (slot > 0 && last < heap_[(slot - 1) / 2]) {
    SiftUp(slot, last);
  } else {
    SiftDown(slot, last);
  }
}

}  // namespace belfry
