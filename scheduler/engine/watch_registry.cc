#include "scheduler/engine/watch_registry.h"

#include <algorithm>
#include <utility>

#include "scheduler/base/check.h"
#include "scheduler/base/limits.h"

namespace belfry {

void WatchRegistry::Add(WatcherId id, std::shared_ptr<Watcher> watcher,
                        const std::vector<uint32_t>& targets) {
  State& state = watchers_[id];
  CHECK(state.watcher == nullptr) << "watcher " << id << " was added twice";
  state.watcher = std::move(watcher);
  state.targets = targets;
  for (uint32_t target : targets) targets_[target].ids.push_back(id);
}

std::vector<uint32_t> WatchRegistry::Remove(WatcherId id, std::vector<Unanswered>* unanswered) {
  auto node = watchers_.extract(id);
  CHECK(!node.empty()) << "watcher " << id;
  State& state = node.mapped();
  for (uint32_t target : state.targets) {
    const auto it = targets_.find(target);
    if (it == targets_.end()) continue;  // named twice, removed already
    Members& members = it->second;
    // Those after the removed one move up; the cursor stays on the same watcher.
    for (size_t i = members.ids.size(); i-- > 0;) {
      if (members.ids[i] != id) continue;
      members.ids.erase(members.ids.begin() + static_cast<std::ptrdiff_t>(i));
      if (i < members.cursor) --members.cursor;
    }
    if (members.ids.empty()) targets_.erase(it);
  }
  const size_t first = unanswered->size();
  for (const auto& [trigger_id, trigger] : state.in_flight) {
    unanswered->push_back({trigger_id, trigger});
  }
  std::sort(unanswered->begin() + static_cast<std::ptrdiff_t>(first), unanswered->end(),
            [](const Unanswered& a, const Unanswered& b) { return a.trigger_id < b.trigger_id; });
  return std::move(state.targets);
}

const std::vector<uint32_t>* WatchRegistry::TargetsOf(WatcherId id) const {
  const auto it = watchers_.find(id);
  return it == watchers_.end() ? nullptr : &it->second.targets;
}

bool WatchRegistry::HasCredit(uint32_t target) const {
  const auto it = targets_.find(target);
  if (it == targets_.end()) return false;
  return std::any_of(it->second.ids.begin(), it->second.ids.end(),
                     [this](WatcherId id) { return HasRoom(watchers_.at(id)); });
}

std::optional<WatcherId> WatchRegistry::Reserve(uint32_t target) {
  const auto it = targets_.find(target);
  if (it == targets_.end()) return std::nullopt;
  Members& members = it->second;
  for (size_t tried = 0; tried < members.ids.size(); ++tried) {
    members.cursor %= members.ids.size();
    const WatcherId id = members.ids[members.cursor++];
    State& state = watchers_.at(id);
    if (!HasRoom(state)) continue;
    ++state.reserved;
    return id;
  }
  return std::nullopt;
}

bool WatchRegistry::CanTake(WatcherId id) const {
  const auto it = watchers_.find(id);
  return it != watchers_.end() && HasRoomForBytes(it->second);
}

void WatchRegistry::Unreserve(WatcherId id) {
  const auto it = watchers_.find(id);
  if (it == watchers_.end()) return;
  CHECK(it->second.reserved > 0) << "watcher " << id;
  --it->second.reserved;
}

uint64_t WatchRegistry::Assign(WatcherId id, Trigger trigger, size_t bytes) {
  State& state = watchers_.at(id);
  CHECK(state.reserved > 0) << "watcher " << id;
  --state.reserved;
  if (state.assigned_bytes == 0) assigned_.push_back(id);
  state.assigned_bytes += bytes;
  state.in_flight[++state.last_trigger_id] = trigger;
  return state.last_trigger_id;
}

std::optional<WatchRegistry::Trigger> WatchRegistry::Release(WatcherId id, uint64_t trigger_id) {
  const auto it = watchers_.find(id);
  if (it == watchers_.end()) return std::nullopt;
  auto node = it->second.in_flight.extract(trigger_id);
  if (node.empty()) return std::nullopt;
  return node.mapped();
}

const std::shared_ptr<Watcher>& WatchRegistry::watcher(WatcherId id) const {
  return watchers_.at(id).watcher;
}

absl::flat_hash_map<uint32_t, size_t> WatchRegistry::UnansweredByGroup() const {
  absl::flat_hash_map<uint32_t, size_t> counts;
  for (const auto& [id, state] : watchers_) {
    for (const auto& [trigger_id, trigger] : state.in_flight) ++counts[trigger.group_id];
  }
  return counts;
}

void WatchRegistry::EndTurn() {
  for (WatcherId id : std::exchange(assigned_, {})) {
    if (const auto it = watchers_.find(id); it != watchers_.end()) it->second.assigned_bytes = 0;
  }
}

bool WatchRegistry::HasRoomForBytes(const State& state) const {
  return state.watcher->unsent_bytes() + state.assigned_bytes < limits_.max_unsent_bytes;
}

bool WatchRegistry::HasRoom(const State& state) const {
  return state.in_flight.size() + state.reserved < limits_.max_in_flight && HasRoomForBytes(state);
}

}  // namespace belfry
