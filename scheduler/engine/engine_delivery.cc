// The engine's deliveries: watchers, what is due, loads, answers.

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "scheduler/base/check.h"
#include "scheduler/base/limits.h"
#include "scheduler/engine/engine_state.h"
#include "spdlog/spdlog.h"

namespace belfry {
namespace {

// The first undelivered try is followed at once by another; later ones wait, so that a
// crash-looping app is not hammered.
absl::Duration UndeliveredBackoff(int tries) {
  if (tries < 2) return absl::ZeroDuration();
  absl::Duration backoff = kMinUndeliveredBackoff;
  for (int i = 2; i < tries && backoff < kMaxUndeliveredBackoff; ++i) backoff *= 2;
  return std::min(backoff, kMaxUndeliveredBackoff);
}

}  // namespace

void Engine::On(AddWatcherEvent& event, absl::Time) {
  std::vector<uint32_t> targets;
  for (const TargetKey& key : event.targets) {
    targets.push_back(EnsureTarget(EncodeTargetKey(key)).id);
  }
  registry_.Add(event.id, std::move(event.watcher), targets);
  for (uint32_t id : targets) {
    Target& target = *targets_.at(id);
    Touch(target);
    for (uint32_t group_id : target.groups) {
      Group& group = GroupOf(group_id);
      if (!group.window.open()) OpenWindow(group);
      Touch(group);
    }
  }
  std::vector<ConcurrencyLimits::Limit> limits;
  for (const ConcurrencyLimit& limit : event.limits) {
    const uint32_t id = EnsureTarget(EncodeTargetKey(limit.target)).id;
    limits.push_back({id, limit.concurrency_key, limit.max_concurrent});
  }
  limits_.Declare(event.id, limits);
  for (const auto& limit : limits) ApplyLimits(*targets_.at(limit.target_id));
}

void Engine::On(RemoveWatcherEvent& event, absl::Time now) {
  if (!registry_.Contains(event.id)) return;
  std::vector<WatchRegistry::Unanswered> unanswered;
  const std::vector<uint32_t> targets = registry_.Remove(event.id, &unanswered);
  for (uint32_t id : targets) {
    Target& target = *targets_.at(id);
    Touch(target);
    if (registry_.HasWatchers(id)) continue;
    for (uint32_t group_id : target.groups) {
      Group& group = GroupOf(group_id);
      if (group.window.open()) CloseWindow(group, now);
      Touch(group);
    }
  }
  for (uint32_t id : limits_.Withdraw(event.id)) ApplyLimits(*targets_.at(id));
  for (const auto& [trigger_id, trigger] : unanswered) {
    answer_times_.Forget(event.id, trigger_id);
    GiveBackSlots(trigger.group_id);
    const auto it = in_flight_.find(trigger.job_id);
    if (it == in_flight_.end() || it->second.watcher != event.id ||
        it->second.trigger_id != trigger_id) {
      continue;  // deleted or overwritten meanwhile
    }
    Undelivered(it->second, now);
  }
}

void Engine::On(WatcherDrainedEvent& event, absl::Time) { TouchTargetsOf(event.id); }

void Engine::TouchTargetsOf(WatcherId id) {
  const auto* targets = registry_.TargetsOf(id);
  if (targets == nullptr) return;
  for (uint32_t target : *targets) Touch(*targets_.at(target));
}

void Engine::On(ScanResult& event, absl::Time now) {
  firing_.ScannerTold();
  Group* const group = FindGroup(event.group_id);
  if (event.counts_only) {
    const size_t count = offline_.Take(event, now);
    if (group != nullptr) CountUnreceived(*group, count);
    return;
  }
  if (group == nullptr) return;
  group->window.Fill(event, [this](uint64_t id) { return in_flight_.contains(id); });
  Touch(*group);
}

void Engine::StartDue(Target& target, absl::Time now, size_t* budget) {
  for (size_t started = 0; started < kMaxTriggersPerVisit; ++started) {
    if (*budget == 0 || loading_ >= kMaxLoading || !HasSlot(target)) return;
    if (!StartOne(target, now, budget)) return;
  }
}

bool Engine::StartOne(Target& target, absl::Time now, size_t* budget) {
  if (target.startable.empty() || target.startable.front().time > now) return false;
  Group& group = GroupOf(static_cast<uint32_t>(target.startable.front().id));
  const Position position = group.window.Pop();
  Touch(group);
  if (const auto it = tries_.find(position.id); it != tries_.end() && it->second.not_before > now) {
    group.window.PutBack(position, it->second.not_before);
    PlaceInTarget(group, target);
    return true;
  }
  const auto watcher = registry_.Reserve(target.id);
  if (!watcher.has_value()) {
    group.window.PutBack(position, position.time);
    PlaceInTarget(group, target);
    return false;
  }
  InFlight& in_flight = in_flight_[position.id];
  in_flight.job_id = position.id;
  in_flight.group_id = group.id;
  in_flight.due = position.time;
  in_flight.watcher = *watcher;
  in_flight.load_id = ++last_load_id_;
  group.in_flight.insert(position);
  TakeSlots(group);
  PlaceInTarget(group, target);
  ++loading_;
  --*budget;
  effects_.loads.push_back({position.id, in_flight.load_id});
  return true;
}

void Engine::On(LoadEvent& event, absl::Time) {
  firing_.LoaderTold();
  for (LoadedJob& job : event.jobs) Loaded(job);
}

void Engine::Loaded(LoadedJob& job) {
  const auto it = in_flight_.find(job.job_id);
  if (it == in_flight_.end() || it->second.state != InFlight::State::kLoading ||
      it->second.load_id != job.load_id) {
    return;  // what an earlier load of a job has found that was given up since
  }
  InFlight& in_flight = it->second;
  Group& group = GroupOf(in_flight.group_id);
  Touch(group);
  switch (job.state) {
    case LoadedJob::State::kUnreadable:
      return Quarantine(in_flight, job);
    case LoadedJob::State::kGone:
      // Ids are never used again, so an entry that is still on disk can go.
      batch_.DeleteDue(group.id, in_flight.position());
      return Drop(in_flight);
    case LoadedJob::State::kFound:
      break;
  }
  if (prefix_deletes_.Covers(job.job_key, job.job_id)) return Drop(in_flight);
  if (job.counter.has_value() && job.counter->due != in_flight.due) {
    // The entry was read before the job moved on; its true place may have been passed over because
    // the job seemed to be queued.
    const Position moved{job.counter->due, job.job_id};
    batch_.DeleteDue(group.id, in_flight.position());
    Drop(in_flight);
    group.window.Add(moved);
    return;
  }
  in_flight.state = InFlight::State::kReady;
  --loading_;
  in_flight.job_key = std::move(job.job_key);
  in_flight.spec = std::move(job.spec);
  in_flight.has_counter = job.counter.has_value();
  in_flight.progress = job.counter.has_value() ? job.counter->progress : Progress{};
  in_flight.tick = job.counter.has_value() ? job.counter->tick : in_flight.due;
  in_flight.message = std::move(job.message);
  ready_.push_back(job.job_id);
}

void Engine::Quarantine(InFlight& in_flight, LoadedJob& job) {
  SetAside(job.raw_table, EncodeId(job.job_id), std::move(job.raw), job.error);
  batch_.DeleteDue(in_flight.group_id, in_flight.position());
  Drop(in_flight);
}

void Engine::SetAside(Table table, std::string_view key, std::string bytes,
                      std::string_view reason) {
  spdlog::error("record set aside table={} key={} error=\"{}\"", TableName(table),
                absl::BytesToHexString({key.data(), key.size()}), reason);
  batch_.PutQuarantine(table, key, std::move(bytes), reason, last_now_);
  ++effects_.quarantined_count;
}

void Engine::ReleaseReady(uint64_t job_id, absl::Time now, Effects* effects) {
  const auto it = in_flight_.find(job_id);
  // Deleted or overwritten in the turn that loaded it: never released.
  if (it == in_flight_.end() || it->second.state != InFlight::State::kReady) return;
  InFlight& in_flight = it->second;
  if (prefix_deletes_.Covers(in_flight.job_key, job_id)) return Drop(in_flight);
  if (!registry_.CanTake(in_flight.watcher)) {
    // The stream has ended, or other payloads have filled it since its place was reserved.
    // Its other targets may go on in that place if this job finds one elsewhere.
    registry_.Unreserve(in_flight.watcher);
    TouchTargetsOf(in_flight.watcher);
    Group& group = GroupOf(in_flight.group_id);
    const auto other = registry_.Reserve(group.target_id);
    if (!other.has_value()) {
      const Position position = in_flight.position();
      in_flight.watcher = 0;
      Drop(in_flight);
      group.window.PutBack(position, now);
      Touch(group);
      return;
    }
    in_flight.watcher = *other;
  }
  in_flight.trigger_id = registry_.Assign(in_flight.watcher, {job_id, in_flight.group_id},
                                          in_flight.message.ByteSizeLong());
  answer_times_.Sent(in_flight.watcher, in_flight.trigger_id, monotonic_);
  in_flight.state = InFlight::State::kSent;
  in_flight.message.set_id(in_flight.trigger_id);
  effects->sends.push_back(
      {registry_.watcher(in_flight.watcher), std::exchange(in_flight.message, {})});
}

void Engine::On(SettleEvent& event, absl::Time now) {
  const auto trigger = registry_.Release(event.id, event.trigger_id);
  if (!trigger.has_value()) {
    spdlog::debug("answer to an unknown trigger ignored watcher={} trigger={}", event.id,
                  event.trigger_id);
    return;
  }
  answer_times_.Forget(event.id, event.trigger_id);
  TouchTargetsOf(event.id);
  GiveBackSlots(trigger->group_id);
  const auto it = in_flight_.find(trigger->job_id);
  if (it == in_flight_.end() || it->second.watcher != event.id ||
      it->second.trigger_id != event.trigger_id) {
    return;  // deleted or overwritten while in flight
  }
  InFlight& in_flight = it->second;
  if (prefix_deletes_.Covers(in_flight.job_key, trigger->job_id)) return Drop(in_flight);
  tries_.erase(trigger->job_id);
  Group& group = GroupOf(in_flight.group_id);
  ++group.settled_since_mark;
  group.newest_settled = std::max(group.newest_settled, in_flight.due);
  const FailurePolicy& policy = in_flight.spec.policy;
  const bool retry =
      event.outcome == Outcome::kFailed && !policy.drop &&
      (!policy.max_retries.has_value() || in_flight.progress.attempts < *policy.max_retries);
  if (retry) return RetryTick(in_flight, now);
  FinishTick(in_flight, now);
}

void Engine::TakeBackOverdue(absl::Time now) {
  while (const auto overdue = answer_times_.TakeOverdue(monotonic_)) {
    const auto trigger = registry_.Release(overdue->watcher, overdue->id);
    if (!trigger.has_value()) continue;
    effects_.given_up.push_back({registry_.watcher(overdue->watcher), overdue->id});
    TouchTargetsOf(overdue->watcher);
    GiveBackSlots(trigger->group_id);
    const auto it = in_flight_.find(trigger->job_id);
    if (it == in_flight_.end() || it->second.watcher != overdue->watcher ||
        it->second.trigger_id != overdue->id) {
      continue;  // deleted or overwritten meanwhile
    }
    Undelivered(it->second, now);
  }
}

void Engine::FinishTick(InFlight& in_flight, absl::Time now) {
  Counter counter;
  counter.progress.count = in_flight.progress.count + 1;
  counter.progress.last_trigger = in_flight.tick;
  const auto next = NextTick(in_flight.spec, counter.progress);
  if (next.has_value()) {
    counter.tick = counter.due = *next;
    return MoveTo(in_flight, counter, now);
  }
  // From now on replies may tell that the job does not exist.
  foreground_ = true;
  DeleteName(in_flight.job_key);
  batch_.DeleteJob(in_flight.job_id);
  if (in_flight.has_counter) batch_.DeleteCounter(in_flight.job_id);
  batch_.DeleteDue(in_flight.group_id, in_flight.position());
  Drop(in_flight);
}

void Engine::RetryTick(InFlight& in_flight, absl::Time now) {
  Counter counter;
  counter.progress = in_flight.progress;
  ++counter.progress.attempts;
  counter.tick = in_flight.tick;
  // A retry counts from the moment of the failure, not from the planned time.
  counter.due = std::max(now + in_flight.spec.policy.interval, in_flight.tick);
  MoveTo(in_flight, counter, now);
}

void Engine::MoveTo(InFlight& in_flight, const Counter& counter, absl::Time now) {
  Group& group = GroupOf(in_flight.group_id);
  const uint64_t job_id = in_flight.job_id;
  batch_.PutCounter(job_id, counter);
  // In this order: the two may be the same entry.
  batch_.DeleteDue(group.id, in_flight.position());
  Drop(in_flight);
  AddEntry(group, {counter.due, job_id}, now);
}

void Engine::Undelivered(InFlight& in_flight, absl::Time now) {
  Group& group = GroupOf(in_flight.group_id);
  const Position position = in_flight.position();
  Drop(in_flight);
  absl::Time not_before = absl::InfinitePast();
  if (tries_.contains(position.id) || tries_.size() < kMaxBackoffs) {
    Tries& tries = tries_[position.id];
    ++tries.count;
    // Without a pause it keeps its place before those that were due later.
    const absl::Duration backoff = UndeliveredBackoff(tries.count);
    if (backoff > absl::ZeroDuration()) not_before = now + backoff;
    tries.not_before = not_before;
  }
  group.window.PutBack(position, not_before);
  Touch(group);
}

void Engine::Drop(InFlight& in_flight) {
  if (in_flight.state == InFlight::State::kLoading) --loading_;
  if (in_flight.state != InFlight::State::kSent) {
    registry_.Unreserve(in_flight.watcher);
    TouchTargetsOf(in_flight.watcher);
    GiveBackSlots(in_flight.group_id);
  }
  GroupOf(in_flight.group_id).in_flight.erase(in_flight.position());
  const uint64_t job_id = in_flight.job_id;
  in_flight_.erase(job_id);
}

}  // namespace belfry
