#include "scheduler/engine/engine.h"

#include <algorithm>
#include <utility>

#include "scheduler/base/check.h"
#include "scheduler/base/limits.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/engine/engine_state.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

// Changes of keys or records raise it; docs/storage-format.md says what each version means.
constexpr uint32_t kFormatVersion = 1;
constexpr uint32_t kGroupIdReserve = 1024;

template <typename Record>
absl::StatusOr<std::optional<Record>> ReadMeta(const Store& store, const char* key) {
  ASSIGN_OR_RETURN(const auto bytes, store.Get(Table::kMeta, key));
  if (!bytes.has_value()) return std::nullopt;
  Record record;
  if (!record.ParseFromString(*bytes)) {
    return absl::DataLossError(fmt::format("meta record \"{}\" does not parse", key));
  }
  return record;
}

}  // namespace

Engine::Engine(Store* store) : store_(store), batch_(store) {}
Engine::~Engine() = default;

absl::Status Engine::Recover() {
  RETURN_IF_ERROR(RecoverFormat());
  RETURN_IF_ERROR(RecoverIds());
  RETURN_IF_ERROR(RecoverGroups());
  return RecoverPrefixDeletes();
}

absl::Status Engine::RecoverFormat() {
  ASSIGN_OR_RETURN(const auto format, ReadMeta<storage::v1::FormatRecord>(*store_, kFormatKey));
  if (!format.has_value()) {
    batch_.PutFormat(kFormatVersion);
    return absl::OkStatus();
  }
  if (format->version() > kFormatVersion) {
    return absl::FailedPreconditionError(
        fmt::format("the store has format {}, newer than this program's {}: use a newer program",
                    format->version(), kFormatVersion));
  }
  if (format->version() < 1) return absl::DataLossError("the store's format record is empty");
  return absl::OkStatus();
}

absl::Status Engine::RecoverIds() {
  ASSIGN_OR_RETURN(const auto ids, ReadMeta<storage::v1::IdReserveRecord>(*store_, kIdsKey));
  if (!ids.has_value()) return absl::OkStatus();
  // What was reserved may have been used.
  next_job_id_ = reserved_job_id_ = ids->next_job_id();
  next_group_id_ = reserved_group_id_ = ids->next_group_id();
  return absl::OkStatus();
}

absl::Status Engine::RecoverGroups() {
  absl::Status status;
  RETURN_IF_ERROR(store_->Scan({Table::kGroups, "", ""}, [&](auto key, auto value) {
    storage::v1::GroupRecord record;
    if (!record.ParseFromArray(value.data(), static_cast<int>(value.size())) ||
        record.group_id() == 0 || record.group_id() >= reserved_group_id_) {
      status = absl::DataLossError(fmt::format("group record \"{}\" does not parse", key));
      return false;
    }
    auto group = std::make_unique<Group>();
    group->id = record.group_id();
    group->key = std::string(key);
    group->persisted = true;
    group->mark = DecodeInstant(record.mark());
    group_ids_[group->key] = group->id;
    groups_[group->id] = std::move(group);
    return true;
  }));
  return status;
}

absl::Status Engine::RecoverPrefixDeletes() {
  ASSIGN_OR_RETURN(prefix_deletes_, ReadPrefixDeletes(*store_));
  for (const auto& [prefix, ceiling] : prefix_deletes_.all()) {
    effects_.purges.push_back({prefix, ceiling, prefix});
  }
  return absl::OkStatus();
}

void Engine::Step(Event event, absl::Time now) {
  std::visit([this, now](auto& e) { On(e, now); }, event);
}

void Engine::RunDue(absl::Time now) {
  registry_.EndTurn();  // the last turn's triggers are with their watchers now
  NoteTime(now);
  // In order: that of a hash set differs between processes, and one input must have one result.
  const auto unordered = std::exchange(touched_, {});
  std::vector<uint32_t> touched(unordered.begin(), unordered.end());
  std::sort(touched.begin(), touched.end());
  for (uint32_t id : touched) Refresh(id);

  std::vector<uint32_t> due;
  while (!due_groups_.empty() && due_groups_.front().time <= now) {
    due.push_back(static_cast<uint32_t>(due_groups_.Pop().id));
  }
  if (due.empty()) return;
  // Those that the last turn did not reach come first.
  std::sort(due.begin(), due.end());
  std::rotate(due.begin(), std::upper_bound(due.begin(), due.end(), last_served_), due.end());

  size_t budget = kMaxTriggersPerTurn;
  bool progress = true;
  while (progress && budget > 0) {
    progress = false;
    for (uint32_t id : due) {
      if (budget == 0 || loading_ >= kMaxLoading) break;
      const size_t before = budget;
      StartDue(GroupOf(id), now, &budget);
      if (budget == before) continue;
      progress = true;
      last_served_ = id;
    }
  }
  for (uint32_t id : due) Refresh(id);
}

Effects Engine::Release(absl::Time now) {
  batch_.Clear();
  foreground_ = false;
  Effects effects = std::exchange(effects_, {});
  for (uint64_t job_id : std::exchange(ready_, {})) ReleaseReady(job_id, now, &effects);
  return effects;
}

std::optional<absl::Time> Engine::NextDue() const {
  // Loads that are under way free room and wake the loop.
  if (due_groups_.empty() || loading_ >= kMaxLoading) return std::nullopt;
  return due_groups_.front().time;
}

Engine::Group& Engine::EnsureGroup(const GroupKey& key) {
  std::string encoded = EncodeGroupKey(key);
  if (Group* group = FindGroup(encoded); group != nullptr) return *group;
  auto group = std::make_unique<Group>();
  group->id = NewGroupId();
  group->key = encoded;
  Group& result = *group;
  group_ids_[std::move(encoded)] = group->id;
  groups_[group->id] = std::move(group);
  return result;
}

Engine::Group* Engine::FindGroup(const std::string& group_key) {
  const auto it = group_ids_.find(group_key);
  return it == group_ids_.end() ? nullptr : groups_.at(it->second).get();
}

Engine::Group& Engine::GroupOf(uint32_t id) { return *groups_.at(id); }

void Engine::AddEntry(Group& group, Position position) {
  batch_.PutDue(group.id, position);
  if (!group.persisted || position.time < group.mark) {
    group.persisted = true;
    group.mark = position.time;
    batch_.PutGroup(group.key, group.id, group.mark);
  }
  group.window.Add(position);
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

void Engine::Refresh(uint32_t group_id) {
  due_groups_.Remove(group_id);
  const auto it = groups_.find(group_id);
  if (it == groups_.end()) return;
  Group& group = *it->second;
  if (!group.window.open()) return;
  if (group.persisted) {
    if (const auto scan = group.window.NextScan(group.id); scan.has_value()) {
      RaiseMark(group);
      effects_.scans.push_back(*scan);
    } else if (group.settled_since_mark >= kSettledPerMark) {
      RaiseMark(group);
    }
  }
  const auto first = group.window.FirstDue();
  if (first.has_value() && registry_.HasCredit(group.id)) due_groups_.Push({*first, group.id});
}

uint64_t Engine::NewJobId() {
  if (next_job_id_ == reserved_job_id_) {
    reserved_job_id_ += kJobIdReserve;
    batch_.PutIdReserve(reserved_job_id_, reserved_group_id_);
  }
  return next_job_id_++;
}

uint32_t Engine::NewGroupId() {
  if (next_group_id_ == reserved_group_id_) {
    reserved_group_id_ += kGroupIdReserve;
    batch_.PutIdReserve(reserved_job_id_, reserved_group_id_);
  }
  return next_group_id_++;
}

size_t Engine::resident_count() const {
  size_t count = in_flight_.size();
  for (const auto& [id, group] : groups_) count += group->window.size();
  return count;
}

void Engine::CheckInvariants() const {
  size_t loading = 0;
  size_t positions = 0;
  for (const auto& [job_id, in_flight] : in_flight_) {
    const Group& group = *groups_.at(in_flight.group_id);
    CHECK(!group.window.Contains(job_id)) << "job " << job_id << " is queued and in flight";
    CHECK(group.in_flight.contains(in_flight.position())) << "job " << job_id;
    CHECK(group.mark <= in_flight.due) << "job " << job_id << " lies before its group's mark";
    if (in_flight.state == InFlight::State::kLoading) ++loading;
  }
  CHECK(loading == loading_) << loading << " loading, counted " << loading_;
  for (const auto& [id, group] : groups_) {
    positions += group->in_flight.size();
    CHECK(group->window.open() == registry_.HasWatchers(id)) << "group " << id;
    if (group->window.open() && group->persisted) {
      CHECK(group->mark <= group->window.Lowest().time) << "group " << id;
    }
  }
  CHECK(positions == in_flight_.size()) << positions << " positions in flight";
}

}  // namespace belfry
