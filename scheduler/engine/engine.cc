#include "scheduler/engine/engine.h"

#include <algorithm>
#include <utility>

#include "scheduler/base/check.h"
#include "scheduler/base/limits.h"
#include "scheduler/engine/engine_state.h"

namespace belfry {
namespace {

constexpr uint32_t kGroupIdReserve = 1024;

}  // namespace

Engine::Engine(Store* store, const Limits& limits)
    : store_(store),
      limit_values_(limits),
      batch_(store),
      answer_times_(limits.max_ack_time),
      job_counts_(limits.max_jobs_per_namespace),
      registry_(limits) {}
Engine::~Engine() = default;

void Engine::Step(Event event, absl::Time now) {
  std::visit([this, now](auto& e) { On(e, now); }, event);
}

void Engine::RunDue(absl::Time now, absl::Duration monotonic) {
  registry_.EndTurn();  // the last turn's triggers are with their watchers now
  NoteTime(now);
  monotonic_ = monotonic;
  TakeBackOverdue(now);
  RefreshTouched();
  firing_.BeginTurn(monotonic, loading_ > 0);
  if (const auto scan = offline_.NextScan(now); scan.has_value()) effects_.scans.push_back(*scan);

  std::vector<uint32_t> due;
  while (!due_targets_.empty() && due_targets_.front().time <= now) {
    due.push_back(static_cast<uint32_t>(due_targets_.Pop().id));
  }
  if (due.empty()) return firing_.EndTurn(loading_ > 0);
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
      Target& target = *targets_.at(id);
      StartDue(target, now, &budget);
      if (budget == before) continue;
      progress = true;
      firing_.Started(&target.firing, id);
      last_served_ = id;
    }
  }
  for (uint32_t id : due) Touch(*targets_.at(id));
  RefreshTouched();
  for (uint32_t id : due) {
    if (!due_targets_.Contains(id)) continue;
    Target& target = *targets_.at(id);
    if (target.startable.front().time <= now) firing_.LeftWaiting(&target.firing);
  }
  firing_.EndTurn(loading_ > 0);
}

Effects Engine::Release(absl::Time now) {
  batch_.Clear();
  foreground_ = false;
  Effects effects = std::exchange(effects_, {});
  for (uint64_t job_id : std::exchange(ready_, {})) ReleaseReady(job_id, now, &effects);
  firing_.AskedScanner(effects.scans.size() + effects.purges.size());
  return effects;
}

std::optional<absl::Time> Engine::NextDue() const {
  // Loads that are under way free room and wake the loop.
  if (due_targets_.empty() || loading_ >= kMaxLoading) return std::nullopt;
  return due_targets_.front().time;
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
  CheckJobs();
  CheckSlots();
}

void Engine::CheckJobs() const {
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
    CHECK(group->window.open() == registry_.HasWatchers(group->target_id)) << "group " << id;
    CHECK(group->window.open() != offline_.Contains(id)) << "group " << id;
    if (group->window.open()) CHECK(group->mark <= group->window.Lowest().time) << "group " << id;
  }
  CHECK(positions == in_flight_.size()) << positions << " positions in flight";
}

void Engine::CheckSlots() const {
  // By group: triggers with watchers, and jobs on their way to one.
  absl::flat_hash_map<uint32_t, size_t> taken = registry_.UnansweredByGroup();
  for (const auto& [job_id, in_flight] : in_flight_) {
    if (in_flight.state != InFlight::State::kSent) ++taken[in_flight.group_id];
  }
  absl::flat_hash_map<uint32_t, size_t> taken_of_target;
  for (const auto& [id, group] : groups_) {
    CHECK(group->slots_taken == taken[id]) << "group " << id << ": " << group->slots_taken;
    CHECK(group->max_slots == limits_.Of(group->target_id, group->concurrency_key) ||
          group->concurrency_key.empty())
        << "group " << id;
    taken_of_target[group->target_id] += group->slots_taken;
  }
  for (const auto& [id, target] : targets_) {
    CHECK(target->slots_taken == taken_of_target[id]) << "target " << id;
    for (const uint32_t group : target->groups) CHECK(groups_.at(group)->target_id == id);
  }
}

}  // namespace belfry
