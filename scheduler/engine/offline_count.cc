#include "scheduler/engine/offline_count.h"

#include <algorithm>

#include "scheduler/base/check.h"
#include "scheduler/base/limits.h"

namespace belfry {

OfflineCount::State* OfflineCount::Insert(uint32_t group_id) {
  CHECK(!groups_.contains(group_id)) << "group " << group_id;
  State& state = groups_[group_id];
  state.generation = ++last_generation_;
  return &state;
}

void OfflineCount::Add(uint32_t group_id, absl::Time from) {
  State& state = *Insert(group_id);
  state.from = {from, 0};
  state.first = from;
  Place(group_id, state);
}

void OfflineCount::AddEmpty(uint32_t group_id) { Insert(group_id); }

void OfflineCount::Remove(uint32_t group_id) {
  if (groups_.erase(group_id) > 0) waiting_.Remove(group_id);
}

bool OfflineCount::Note(uint32_t group_id, Position position) {
  const auto it = groups_.find(group_id);
  if (it == groups_.end()) return false;
  State& state = it->second;
  if (position < state.from) return true;
  // The slice that is being read may hold the entry or not: the next one tells.
  if (pending_ && pending_group_ == group_id) state.cap = std::min(state.cap, position);
  if (position.time < state.first) {
    state.first = position.time;
    Place(group_id, state);
  }
  return false;
}

std::optional<ScanRequest> OfflineCount::NextScan(absl::Time now) {
  if (pending_ || waiting_.empty() || waiting_.front().time > now) return std::nullopt;
  pending_ = true;
  pending_group_ = static_cast<uint32_t>(waiting_.Pop().id);
  State& state = groups_.at(pending_group_);
  state.cap = LastPosition();
  ScanRequest scan;
  scan.group_id = pending_group_;
  scan.generation = state.generation;
  scan.from = std::max(state.from, Position{state.first, 0});
  scan.limit = kOfflineCountEntries;
  scan.counts_only = true;
  return scan;
}

size_t OfflineCount::Take(const ScanResult& result, absl::Time now) {
  CHECK(pending_);
  pending_ = false;
  const auto it = groups_.find(result.group_id);
  if (it == groups_.end()) return 0;
  State& state = it->second;
  if (state.generation != result.generation) {
    Place(result.group_id, state);
    return 0;
  }
  size_t count = 0;
  state.first = absl::InfiniteFuture();
  for (const Position& entry : result.entries) {
    if (entry >= state.cap) break;
    if (entry.time > now) {
      state.first = entry.time;
      break;
    }
    ++count;
    state.from = {entry.time, entry.id + 1};  // ids never reach the largest number
  }
  const bool all_counted = count == result.entries.size();
  if (all_counted && !result.reached_end) state.first = state.from.time;
  state.first = std::min(state.first, state.cap.time);
  Place(result.group_id, state);
  return count;
}

void OfflineCount::Place(uint32_t group_id, const State& state) {
  waiting_.Remove(group_id);
  // While its slice is read, Take places the group.
  if (pending_ && pending_group_ == group_id) return;
  if (state.first < absl::InfiniteFuture()) waiting_.Push({state.first, group_id});
}

}  // namespace belfry
