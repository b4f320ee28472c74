// The course of a run, and what must hold when nothing is left to do.

#include <algorithm>
#include <utility>

#include "scheduler/base/limits.h"
#include "tests/sim/store_check.h"
#include "tests/sim/world.h"

namespace belfry::sim {
namespace {

// Turns within which the loop must come to rest.
constexpr int kMaxTurnsToRest = 20000;
// How long faultless time lasts, and after how much of it nothing may be left over from before.
constexpr absl::Duration kHealthy = absl::Seconds(20);
constexpr absl::Duration kRecovered = absl::Seconds(6);
constexpr int kMaxHealthyRests = 3000;
constexpr int kMaxClockStepMillis = 40000;
// No job of a run is due later than this after the run.
constexpr absl::Duration kLatestDue = absl::Hours(2);

}  // namespace

void World::Run() {
  Open();
  Break();
  if (!journal_->failed()) Heal();
  if (!journal_->failed()) Clear();
}

void World::Break() {
  for (int i = 0; i < settings_.steps && !journal_->failed(); ++i) {
    Step();
    for (int n = random_.Below(settings_.activity + 1); n > 0 && !over(); --n) RunSomething();
    if (end_ != End::kNone && !journal_->failed()) Restart();
  }
}

void World::Step() {
  const int others = 20;
  int drawn = random_.Below(settings_.pass_time + settings_.set_clock + settings_.stall +
                            settings_.rest + settings_.stop + others);
  const auto is = [&drawn](int weight) { return (drawn -= weight) < 0; };
  if (is(settings_.pass_time)) return PassTime();
  if (is(settings_.set_clock)) return SetClock();
  if (is(settings_.stall)) {
    stalled_ = random_.OneIn(2);
    store_.set_write_pressure(stalled_ && random_.OneIn(2) ? WritePressure::kRefuseNewWork
                                                           : WritePressure::kNone);
    journal_->Note("stalled: {}", stalled_);
    return;
  }
  if (is(settings_.rest)) {
    const bool sync = random_.OneIn(2);
    if (Rest(sync) && sync) CheckAtRest(/*strict=*/false);
    return;
  }
  if (is(settings_.stop)) {
    if (random_.OneIn(10)) StopCleanly();
    return;
  }
  for (int n = random_.Between(1, 4); n > 0; --n) DoSomething();
}

std::optional<absl::Time> World::NextDue() {
  std::optional<absl::Time> next;
  for (const auto& [name, job] : oracle_.now().live) {
    if (job.due > clock_.Now() && (!next.has_value() || job.due < *next)) next = job.due;
  }
  return next;
}

void World::PassTime() {
  const auto due = NextDue();
  switch (random_.Below(3)) {
    case 0:
      if (due.has_value() && *due - clock_.Now() < absl::Seconds(10)) {
        // Up to the last moment before, when it is still too early.
        clock_.AdvanceTo(*due - absl::Nanoseconds(random_.Between(1, 999)));
        latest_ = std::max(latest_, clock_.Now());
        for (int n = random_.Below(4); n > 0 && !over(); --n) RunSomething();
        clock_.AdvanceTo(*due);
      }
      break;
    case 1:
      clock_.Advance(absl::Milliseconds(random_.Below(1500)));
      break;
    default:
      clock_.Advance(absl::Milliseconds(random_.Below(50)));
      break;
  }
  latest_ = std::max(latest_, clock_.Now());
}

void World::SetClock() {
  const absl::Duration by =
      absl::Milliseconds(random_.Between(-kMaxClockStepMillis, kMaxClockStepMillis));
  journal_->Note("the clock is set by {}", absl::FormatDuration(by));
  clock_.Step(by);
  latest_ = std::max(latest_, clock_.Now());
}

bool World::Rest(bool sync) {
  for (int i = 0; i < kMaxTurnsToRest; ++i) {
    Turn();
    if (over() || holding_) return false;
    const bool read = RunAnyReader();
    const bool handed_over = HandOver(/*may_hold=*/false);
    if (read || handed_over || !mailbox_.empty() || sleep_ <= absl::ZeroDuration()) continue;
    if (sync && RunSyncer()) continue;
    if (over() || !mailbox_.empty()) continue;
    latest_ = clock_.Now();
    oracle_.Rested();
    return true;
  }
  journal_->Fail("the loop does not come to rest");
  return false;
}

void World::CheckAnswered() {
  if (!requests_.empty()) {
    journal_->Fail("request {} was never answered", requests_.front()->number);
  }
  if (!gets_.empty()) journal_->Fail("Get {} was never answered", gets_.front()->name.ToString());
  if (!list_calls_.empty()) journal_->Fail("a list was never answered");
}

bool World::HasCredit(int group) const {
  return std::any_of(watchers_.begin(), watchers_.end(), [&](const auto& watcher) {
    return std::count(watcher->groups.begin(), watcher->groups.end(), group) > 0 &&
           oracle_.unanswered(watcher->id) < kMaxInFlightPerWatcher &&
           watcher->unsent < kMaxUnsentBytesPerWatcher;
  });
}

void World::CheckDispatched(bool strict) {
  for (const auto& [name, job] : oracle_.now().live) {
    if (oracle_.in_flight(name) || !HasCredit(name.group) || !oracle_.HasSlots(name)) continue;
    // It may pause for a while.
    if (!strict && oracle_.was_undelivered(name)) continue;
    const absl::Duration until_due = job.due - clock_.Now();
    if (until_due <= absl::ZeroDuration()) {
      return journal_->Fail("{} revision {} is due since {} and is not sent", name.ToString(),
                            job.revision, absl::FormatDuration(-until_due));
    }
    if (sleep_ > until_due && !oracle_.was_undelivered(name)) {
      return journal_->Fail("the loop would sleep for {}, but {} is due in {}",
                            absl::FormatDuration(sleep_), name.ToString(),
                            absl::FormatDuration(until_due));
    }
  }
}

void World::CheckAtRest(bool strict) {
  CheckAnswered();
  CheckDispatched(strict);
  if (!oracle_.all_durable() && clock_.Monotonic() - dirty_since_ >= LoopOptions{}.max_unsynced) {
    journal_->Fail("changes are not durable after {}",
                   absl::FormatDuration(clock_.Monotonic() - dirty_since_));
  }
  CheckStore(disk_->store(), oracle_.now(), journal_);
}

void World::Heal() {
  journal_->Note("faults end");
  faults_ = false;
  stalled_ = false;
  store_.set_write_pressure(WritePressure::kNone);
  Rest(/*sync=*/true);
  while (!watchers_.empty() && !over()) Disconnect(*watchers_.front());
  // Some groups get their first watcher when nothing else is going on any more.
  Rest(/*sync=*/true);
  for (int group = 0; group < settings_.groups && !over(); ++group) {
    Connect({group}, /*is_good=*/true);
    if (random_.OneIn(2)) Connect({group, (group + 1) % settings_.groups}, /*is_good=*/true);
    if (random_.OneIn(2)) Rest(/*sync=*/true);
  }
  const absl::Duration begin = clock_.Monotonic();
  for (int rests = 0; rests < kMaxHealthyRests && clock_.Monotonic() - begin < kHealthy; ++rests) {
    if (!Rest(/*sync=*/true)) return;
    CheckAtRest(/*strict=*/clock_.Monotonic() - begin > kRecovered);
    if (over()) return;
    bool answered = false;
    for (const auto& watcher : watchers_) {
      answered = answered || !watcher->unanswered.empty();
      AnswerAll(*watcher);
    }
    if (answered) continue;
    clock_.Advance(sleep_);
    latest_ = std::max(latest_, clock_.Now());
  }
}

void World::Clear() {
  journal_->Note("all jobs are deleted");
  for (int group = 0; group < settings_.groups; ++group) {
    DeleteArea(WholeGroup(group));
    if (random_.OneIn(2)) Rest(/*sync=*/true);
  }
  if (!Rest(/*sync=*/true)) return;
  CheckAtRest(/*strict=*/true);
  if (!oracle_.now().live.empty()) return journal_->Fail("the oracle has jobs left");
  // A trigger that was out when its job was deleted stays in memory until it is answered; an index
  // entry that was read before, until it is due.
  for (const auto& watcher : watchers_) AnswerAll(*watcher);
  clock_.Advance(kLatestDue);
  if (!Rest(/*sync=*/true)) return;
  if (loop_->resident_count() != 0) {
    return journal_->Fail("{} entries are left in memory", loop_->resident_count());
  }
  for (int i = 0; i < 3 && !over(); ++i) {
    clock_.Advance(sleep_);
    Turn();
    if (sleep_ <= absl::ZeroDuration() || RunAnyReader() || HandOver(/*may_hold=*/false)) {
      return journal_->Fail("the loop goes on although nothing is left to do");
    }
  }
  StopCleanly();
}

}  // namespace belfry::sim
