// The engine's targets and groups: what exists, what can be started, slots.

#include <algorithm>
#include <utility>

#include "scheduler/base/check.h"
#include "scheduler/base/limits.h"
#include "scheduler/engine/engine_state.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

// In order: that of a hash set differs between processes, and one input must have one result.
std::vector<uint32_t> TakeSorted(absl::flat_hash_set<uint32_t>* ids) {
  const auto unordered = std::exchange(*ids, {});
  std::vector<uint32_t> sorted(unordered.begin(), unordered.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace

Engine::Target& Engine::EnsureTarget(const std::string& target_key) {
  if (const auto it = target_ids_.find(target_key); it != target_ids_.end()) {
    return *targets_.at(it->second);
  }
  auto target = std::make_unique<Target>();
  target->id = ++last_target_id_;
  target->key = target_key;
  Target& result = *target;
  target_ids_[target_key] = result.id;
  targets_[result.id] = std::move(target);
  return result;
}

Engine::Target& Engine::TargetOf(const Group& group) { return *targets_.at(group.target_id); }

absl::StatusOr<Engine::Group*> Engine::EnsureGroup(const TargetKey& target_key,
                                                   const std::string& concurrency_key) {
  std::string group_key = EncodeGroupKey(target_key, concurrency_key);
  if (Group* group = FindGroup(group_key); group != nullptr) return group;
  Target& target = EnsureTarget(EncodeTargetKey(target_key));
  if (target.groups.size() >= limit_values_.max_concurrency_keys) {
    return absl::ResourceExhaustedError(
        fmt::format("the jobs of \"{}\" have too many different concurrency keys (limit: "
                    "--max-concurrency-keys={})",
                    target_key.name, limit_values_.max_concurrency_keys));
  }
  Group& group = AddGroup(target, std::move(group_key), concurrency_key, NewGroupId());
  if (registry_.HasWatchers(target.id)) OpenWindow(group);
  return &group;
}

Engine::Group& Engine::AddGroup(Target& target, std::string group_key, std::string concurrency_key,
                                uint32_t id) {
  auto group = std::make_unique<Group>();
  group->id = id;
  group->target_id = target.id;
  group->key = std::move(group_key);
  group->concurrency_key = std::move(concurrency_key);
  if (!group->concurrency_key.empty()) {
    group->max_slots = limits_.Of(target.id, group->concurrency_key);
  }
  Group& result = *group;
  target.groups.insert(id);
  offline_.AddEmpty(id);
  group_ids_[result.key] = id;
  groups_[id] = std::move(group);
  return result;
}

void Engine::OpenWindow(Group& group) {
  group.window.Open(group.mark);
  offline_.Remove(group.id);
}

void Engine::CloseWindow(Group& group, absl::Time now) {
  group.window.Close();
  // What was due before was received or waited for room: streams that end tell of the former.
  offline_.Add(group.id, now);
}

void Engine::CountUnreceived(const Group& group, size_t count) {
  if (count == 0) return;
  const auto key = DecodeTargetKey(TargetOf(group).key);
  CHECK(key.has_value()) << "group " << group.id;
  effects_.unreceived.push_back({key->kind, count});
}

Engine::Group* Engine::FindGroup(const std::string& group_key) {
  const auto it = group_ids_.find(group_key);
  return it == group_ids_.end() ? nullptr : groups_.at(it->second).get();
}

Engine::Group* Engine::FindGroup(uint32_t id) {
  const auto it = groups_.find(id);
  return it == groups_.end() ? nullptr : it->second.get();
}

Engine::Group& Engine::GroupOf(uint32_t id) { return *groups_.at(id); }

void Engine::AddEntry(Group& group, Position position, absl::Time now) {
  batch_.PutDue(group.id, position);
  if (position.time < group.mark) {
    group.mark = position.time;
    batch_.PutGroup(group.key, group.id, group.mark);
  }
  group.window.Add(position, now);
  if (offline_.Note(group.id, position)) CountUnreceived(group, 1);
  Touch(group);
}

void Engine::Forget(Group& group, uint64_t job_id) {
  group.window.Remove(job_id);
  tries_.erase(job_id);
  if (const auto it = in_flight_.find(job_id); it != in_flight_.end()) Drop(it->second);
  Touch(group);
}

void Engine::RaiseMark(Group& group) {
  group.settled_since_mark = 0;
  Position lowest = group.window.Lowest();
  if (!group.in_flight.empty()) lowest = std::min(lowest, *group.in_flight.begin());
  // A drained group has nothing unsettled: its mark may follow what was settled.
  if (lowest.time == absl::InfiniteFuture()) lowest.time = group.newest_settled;
  if (lowest.time <= group.mark) return;
  group.mark = lowest.time;
  batch_.PutGroup(group.key, group.id, group.mark);
}

void Engine::Touch(const Group& group) { touched_.insert(group.id); }
void Engine::Touch(const Target& target) { touched_targets_.insert(target.id); }

bool Engine::HasSlot(const Target& target) const {
  const auto max = limits_.Of(target.id, "");
  return !max.has_value() || target.slots_taken < *max;
}

bool Engine::HasSlot(const Group& group) {
  return !group.max_slots.has_value() || group.slots_taken < *group.max_slots;
}

void Engine::TakeSlots(Group& group) {
  ++group.slots_taken;
  ++TargetOf(group).slots_taken;
}

void Engine::GiveBackSlots(uint32_t group_id) {
  Group& group = GroupOf(group_id);
  Target& target = TargetOf(group);
  CHECK(group.slots_taken > 0 && target.slots_taken > 0) << "group " << group_id;
  --group.slots_taken;
  --target.slots_taken;
  // Both are free before either is handed out again: that happens when the turn starts what is due.
  Touch(group);
  Touch(target);
}

void Engine::ApplyLimits(Target& target) {
  for (const uint32_t id : target.groups) {
    Group& group = GroupOf(id);
    if (group.concurrency_key.empty()) continue;
    const auto max_slots = limits_.Of(target.id, group.concurrency_key);
    if (std::exchange(group.max_slots, max_slots) != max_slots) Touch(group);
  }
  Touch(target);
}

void Engine::NoteTime(absl::Time now) {
  if (now < last_now_) {
    for (const auto& [id, group] : groups_) {
      group->window.EndPauses();
      Touch(*group);
    }
    for (auto& [id, tries] : tries_) tries.not_before = absl::InfinitePast();
  }
  last_now_ = now;
}

void Engine::RefreshTouched() {
  for (const uint32_t id : TakeSorted(&touched_)) {
    if (Group* group = FindGroup(id); group != nullptr) Refresh(*group);
  }
  for (const uint32_t id : TakeSorted(&touched_targets_)) {
    if (const auto it = targets_.find(id); it != targets_.end()) Refresh(*it->second);
  }
}

void Engine::Refresh(Group& group) {
  Target& target = TargetOf(group);
  Touch(target);
  if (DropIfIdle(group)) return;
  if (group.window.open()) {
    if (const auto scan = group.window.NextScan(group.id); scan.has_value()) {
      RaiseMark(group);
      effects_.scans.push_back(*scan);
    } else if (group.settled_since_mark >= kSettledPerMark) {
      RaiseMark(group);
    }
  }
  PlaceInTarget(group, target);
}

void Engine::Refresh(Target& target) {
  due_targets_.Remove(target.id);
  if (!target.startable.empty()) {
    const Position first = target.startable.front();
    if (!HasSlot(target)) {
      const Group& group = GroupOf(static_cast<uint32_t>(first.id));
      if (first.time <= last_now_) {
        CountThrottled(target.id, "", group.window.FirstId(), &target.last_throttled);
      }
    } else if (registry_.HasCredit(target.id)) {
      due_targets_.Push({first.time, target.id});
    }
  }
  DropIfUnused(target);
}

void Engine::PlaceInTarget(Group& group, Target& target) {
  target.startable.Remove(group.id);
  if (!group.window.open()) return;
  const auto first = group.window.FirstDue();
  if (!first.has_value()) return;
  if (HasSlot(group)) {
    target.startable.Push({*first, group.id});
  } else if (*first <= last_now_) {
    CountThrottled(target.id, group.concurrency_key, group.window.FirstId(), &group.last_throttled);
  }
}

void Engine::CountThrottled(uint32_t target_id, const std::string& concurrency_key, uint64_t job_id,
                            uint64_t* last_throttled) {
  if (std::exchange(*last_throttled, job_id) == job_id) return;
  limits_.CountThrottled(target_id, concurrency_key);
}

void Engine::On(ReadLimitsEvent& event, absl::Time now) {
  std::vector<LimitState> states;
  for (const auto& [limit, throttled] : limits_.All()) {
    const Target& target = *targets_.at(limit.target_id);
    const auto key = DecodeTargetKey(target.key);
    CHECK(key.has_value()) << "target " << target.id;
    LimitState state{{*key, limit.concurrency_key, limit.max_concurrent}, 0, 0, throttled};
    for (const uint32_t id : target.groups) {
      const Group& group = GroupOf(id);
      if (!limit.concurrency_key.empty() && limit.concurrency_key != group.concurrency_key)
        continue;
      state.unanswered += group.slots_taken;
      // Those that could go on at once don't wait for this limit.
      const bool waits = limit.concurrency_key.empty() ? !HasSlot(target) : !HasSlot(group);
      if (waits) state.pending += group.window.CountDue(now, kMaxCountedPending - state.pending);
    }
    states.push_back(std::move(state));
  }
  event.reply(std::move(states));
}

bool Engine::DropIfIdle(Group& group) {
  Target& target = TargetOf(group);
  // The group without a key is what job keys lead to: it stays.
  if (target.groups.size() <= kIdleGroupsPerTarget || group.concurrency_key.empty()) return false;
  if (group.slots_taken > 0 || !group.in_flight.empty() || !group.window.covers_all_and_is_empty())
    return false;
  batch_.DeleteGroup(group.key);
  target.startable.Remove(group.id);
  target.groups.erase(group.id);
  group_ids_.erase(group.key);
  groups_.erase(group.id);
  return true;
}

void Engine::DropIfUnused(Target& target) {
  if (!target.groups.empty() || target.slots_taken > 0) return;
  if (registry_.HasWatchers(target.id) || limits_.Names(target.id)) return;
  target_ids_.erase(target.key);
  targets_.erase(target.id);
}

}  // namespace belfry
