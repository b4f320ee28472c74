// Deliveries: when a trigger goes out, to whom, and what its answer does.

#include <catch2/catch.hpp>

#include "scheduler/base/limits.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

using dapr::proto::common::v1::JobFailurePolicy;

TEST_CASE("a one-shot fires at its time, not a nanosecond early, and is then forgotten") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "5s", .data = "payload"}).ok());
  scheduler.Advance(absl::Seconds(5) - absl::Nanoseconds(1));
  REQUIRE(watcher->triggers.empty());
  scheduler.Advance(absl::Nanoseconds(1));
  REQUIRE(watcher->triggers.size() == 1);
  REQUIRE(watcher->triggers[0].name() == "job");
  REQUIRE(watcher->triggers[0].id() == 1);
  REQUIRE(watcher->triggers[0].data().value() == "payload");
  REQUIRE(watcher->triggers[0].metadata().app_id() == "app");
  REQUIRE(scheduler.Get("job").ok());
  scheduler.Answer(*watcher, 1);
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()));
  REQUIRE(scheduler.loop->resident_count() == 0);
}

TEST_CASE("a recurring job has one trigger in flight and catches up on every missed tick") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1s"}).ok());
  scheduler.Advance(absl::Seconds(3));
  REQUIRE(watcher->triggers.size() == 1);
  scheduler.Answer(*watcher, 1);
  REQUIRE(watcher->triggers.size() == 2);
  scheduler.Answer(*watcher, 2);
  REQUIRE(watcher->triggers.size() == 3);
  scheduler.Answer(*watcher, 3);
  REQUIRE(watcher->triggers.size() == 3);
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(watcher->triggers.size() == 4);
}

TEST_CASE("a failed trigger is tried again from the moment of the failure, then given up") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  for (uint64_t attempt = 1; attempt <= 4; ++attempt) {
    REQUIRE(watcher->triggers.size() == attempt);
    scheduler.Advance(absl::Seconds(10));  // the handler takes its time
    scheduler.Answer(*watcher, attempt, Outcome::kFailed);
    REQUIRE(watcher->triggers.size() == attempt);
    scheduler.Advance(absl::Milliseconds(999));
    REQUIRE(watcher->triggers.size() == attempt);
    scheduler.Advance(absl::Milliseconds(1));
  }
  REQUIRE(watcher->triggers.size() == 4);
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()));
}

TEST_CASE("a pending retry keeps its time through a restart") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  const auto policy = [](JobFailurePolicy* p) {
    p->mutable_constant()->mutable_interval()->set_seconds(3600);
  };
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s", .policy = policy}).ok());
  scheduler.Answer(*watcher, 1, Outcome::kFailed);
  scheduler.Kill();
  watcher = scheduler.Watch();
  scheduler.Advance(absl::Seconds(3599));
  REQUIRE(watcher->triggers.empty());
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(watcher->triggers.size() == 1);
}

TEST_CASE("a job due while nobody is connected arrives when somebody connects") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1s"}).ok());
  scheduler.Advance(absl::Hours(1));
  REQUIRE(scheduler.loop->resident_count() == 0);
  auto watcher = scheduler.Watch();
  REQUIRE(watcher->triggers.size() == 1);
}

TEST_CASE("jobs that come due while nobody is connected are counted when they do, each once") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("now", {.due_time = "0s"}).ok());
  REQUIRE(scheduler.Schedule("often", {.schedule = "@every 1s"}).ok());
  REQUIRE(scheduler.Schedule("late", {.due_time = "1h"}).ok());
  REQUIRE(scheduler.unreceived == 1);
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(scheduler.unreceived == 2);
  REQUIRE(scheduler.loop->resident_count() == 0);
  scheduler.Advance(absl::Minutes(59));
  REQUIRE(scheduler.unreceived == 2);
  scheduler.Advance(absl::Minutes(1));
  REQUIRE(scheduler.unreceived == 3);
  // As with the reference, a restart finds them due again.
  scheduler.Kill();
  REQUIRE(scheduler.unreceived == 6);
  auto watcher = scheduler.Watch();
  REQUIRE(watcher->triggers.size() == 3);
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(scheduler.unreceived == 6);
  // What a stream leaves behind is told of by the stream; later jobs count again.
  scheduler.Unwatch(*watcher);
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(scheduler.unreceived == 6);
  REQUIRE(scheduler.Schedule("again", {.due_time = "1s"}).ok());
  scheduler.Advance(absl::Seconds(2));
  REQUIRE(scheduler.unreceived == 7);
}

TEST_CASE("a large backlog is counted in slices and held nowhere") {
  ManualScheduler scheduler;
  const size_t count = kOfflineCountEntries * 2 + 10;
  for (size_t i = 0; i < count; ++i) {
    REQUIRE(scheduler.Schedule("job-" + std::to_string(i), {.due_time = "1m"}).ok());
  }
  REQUIRE(scheduler.unreceived == 0);
  scheduler.Advance(absl::Minutes(1));
  REQUIRE(scheduler.unreceived == count);
  REQUIRE(scheduler.loop->resident_count() == 0);
}

TEST_CASE("triggers of a stream that ends go to another at once and cost no attempt") {
  ManualScheduler scheduler;
  auto first = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  REQUIRE(first->triggers.size() == 1);
  auto second = scheduler.Watch();
  scheduler.Unwatch(*first);
  REQUIRE(second->triggers.size() == 1);
  // Late answers of the stream that ended mean nothing.
  scheduler.Answer(*first, 1);
  REQUIRE(scheduler.Get("job").ok());
  scheduler.Answer(*second, 1);
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()));
}

TEST_CASE("the second and later undelivered tries of a tick back off, up to a bound") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  auto flapping = scheduler.Watch();
  REQUIRE(flapping->triggers.size() == 1);
  scheduler.Unwatch(*flapping);
  absl::Duration pause = absl::ZeroDuration();
  for (int round = 2; round < 12; ++round) {
    flapping = scheduler.Watch();
    if (pause > absl::ZeroDuration()) {
      scheduler.Advance(pause - absl::Nanoseconds(1));
      REQUIRE(flapping->triggers.empty());
      scheduler.Advance(absl::Nanoseconds(1));
    }
    REQUIRE(flapping->triggers.size() == 1);
    scheduler.Unwatch(*flapping);
    pause = pause == absl::ZeroDuration() ? kMinUndeliveredBackoff
                                          : std::min(2 * pause, kMaxUndeliveredBackoff);
  }
  REQUIRE(pause == kMaxUndeliveredBackoff);
}

TEST_CASE("more jobs than a window holds can back off, and the loop rests meanwhile") {
  ManualScheduler scheduler;
  const size_t count = 2 * kMaxWindowEntries;
  for (size_t i = 0; i < count; ++i) {
    scheduler.Submit("job" + std::to_string(i), {.due_time = "0s"});
  }
  scheduler.RunUntilIdle();
  for (int round = 0; round < 2; ++round) {
    auto flapping = scheduler.Watch();
    REQUIRE(flapping->triggers.size() == count);
    scheduler.Unwatch(*flapping);
  }
  auto watcher = scheduler.Watch();  // comes to rest, or fails
  REQUIRE(watcher->triggers.empty());
  scheduler.Advance(kMinUndeliveredBackoff);
  REQUIRE(watcher->triggers.size() == count);
}

TEST_CASE("a stream that fills while payloads are read gets no more of them") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  watcher->count_unsent = true;
  const std::string big(kMaxUnsentBytesPerWatcher / 2, 'x');
  for (int i = 0; i < 8; ++i) {
    scheduler.Submit("big" + std::to_string(i), {.due_time = "0s", .data = big});
  }
  scheduler.RunUntilIdle();
  REQUIRE(watcher->triggers.size() == 2);
  for (size_t expected : {4u, 6u, 8u}) {
    watcher->Drain();
    scheduler.loop->WatcherDrained(watcher->id);
    scheduler.RunUntilIdle();
    REQUIRE(watcher->triggers.size() == expected);
  }
}

TEST_CASE("round robin passes over a stalled stream") {
  ManualScheduler scheduler;
  auto stalled = scheduler.Watch();
  stalled->count_unsent = true;
  const std::string big(kMaxUnsentBytesPerWatcher, 'x');
  REQUIRE(scheduler.Schedule("big", {.due_time = "0s", .data = big}).ok());
  REQUIRE(stalled->triggers.size() == 1);
  REQUIRE(scheduler.Schedule("waits", {.due_time = "0s"}).ok());
  REQUIRE(stalled->triggers.size() == 1);
  auto healthy = scheduler.Watch();
  REQUIRE(healthy->triggers.size() == 1);
  REQUIRE(scheduler.Schedule("next", {.due_time = "0s"}).ok());
  REQUIRE(healthy->triggers.size() == 2);
  stalled->Drain();
  scheduler.loop->WatcherDrained(stalled->id);
  REQUIRE(scheduler.Schedule("a", {.due_time = "0s"}).ok());
  REQUIRE(scheduler.Schedule("b", {.due_time = "0s"}).ok());
  REQUIRE(stalled->triggers.size() == 2);
}

TEST_CASE("a stream that drains wakes the jobs that waited for it") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  watcher->count_unsent = true;
  const std::string big(kMaxUnsentBytesPerWatcher, 'x');
  REQUIRE(scheduler.Schedule("big", {.due_time = "0s", .data = big}).ok());
  REQUIRE(scheduler.Schedule("waits", {.due_time = "0s"}).ok());
  REQUIRE(watcher->triggers.size() == 1);
  watcher->Drain();
  scheduler.loop->WatcherDrained(watcher->id);
  scheduler.RunUntilIdle();
  REQUIRE(watcher->triggers.size() == 2);
}

TEST_CASE("overwriting a job in flight starts it anew, the old answer means nothing") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s", .data = "old"}).ok());
  REQUIRE(scheduler.Schedule("job", {.due_time = "10s", .data = "new"}, true).ok());
  scheduler.Answer(*watcher, 1);
  REQUIRE(scheduler.Get("job")->job().data().value() == "new");
  scheduler.Advance(absl::Seconds(10));
  REQUIRE(watcher->triggers.size() == 2);
  REQUIRE(watcher->triggers[1].data().value() == "new");
}

TEST_CASE("an overwrite resets the count") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1s", .repeats = 2}).ok());
  scheduler.Advance(absl::Seconds(1));
  scheduler.Answer(*watcher, 1);
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1s", .repeats = 2}, true).ok());
  for (uint64_t id : {2, 3}) {
    scheduler.Advance(absl::Seconds(1));
    REQUIRE(watcher->triggers.size() == id);
    scheduler.Answer(*watcher, id);
  }
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()));
}

TEST_CASE("deleting a job in flight ends it, its answer means nothing") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1s"}).ok());
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(scheduler.Delete("job").ok());
  scheduler.Answer(*watcher, 1);
  scheduler.Advance(absl::Seconds(10));
  REQUIRE(watcher->triggers.size() == 1);
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()));
}

TEST_CASE("unknown and repeated answers are ignored") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1s"}).ok());
  scheduler.Advance(absl::Seconds(1));
  scheduler.Answer(*watcher, 99, Outcome::kFailed);
  scheduler.Answer(*watcher, 1);
  scheduler.Answer(*watcher, 1, Outcome::kFailed);
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(watcher->triggers.size() == 2);
}

TEST_CASE("apps and namespaces do not see each other's jobs") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  scheduler.app = "other";
  auto other_app = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  scheduler.app = "app";
  scheduler.ns = "elsewhere";
  auto other_ns = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  REQUIRE(watcher->triggers.empty());
  REQUIRE(other_app->triggers.size() == 1);
  REQUIRE(other_ns->triggers.size() == 1);
}

TEST_CASE("memory grows neither with far-away jobs nor with due jobs of an app that is offline") {
  ManualScheduler scheduler;
  const size_t count = 3 * kMaxWindowEntries;
  for (size_t i = 0; i < count; ++i) {
    scheduler.Submit("far" + std::to_string(i), {.due_time = std::to_string(i % 977 + 1) + "s"});
    if (i % 1000 == 0) scheduler.RunUntilIdle();
  }
  scheduler.RunUntilIdle();
  REQUIRE(scheduler.loop->resident_count() == 0);
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.loop->resident_count() <= kMaxWindowEntries);
  scheduler.Unwatch(*watcher);
  scheduler.Advance(absl::Hours(1));
  REQUIRE(scheduler.loop->resident_count() == 0);
  // All of them arrive, each once, once somebody is there.
  watcher = scheduler.Watch();
  size_t answered = 0;
  while (answered < watcher->triggers.size()) {
    scheduler.loop->Settle(watcher->id, ++answered, Outcome::kSuccess);
    if (answered % 1000 == 0 || answered == watcher->triggers.size()) scheduler.RunUntilIdle();
  }
  REQUIRE(answered == count);
  REQUIRE(scheduler.List().empty());
}

TEST_CASE("a flood of one app does not hold up another app's job by more than a turn") {
  ManualScheduler scheduler;
  auto flooded = scheduler.Watch();
  for (int i = 0; i < 5000; ++i) {
    scheduler.Submit("flood" + std::to_string(i), {.due_time = "1s"});
  }
  scheduler.RunUntilIdle();
  scheduler.app = "calm";
  auto calm = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "2s"}).ok());
  scheduler.clock.Advance(absl::Seconds(2));
  // One turn starts both, and one more releases what was read.
  for (int turn = 0; turn < 2; ++turn) {
    scheduler.loop->RunOnce();
    while (scheduler.loop->RunReaders()) {
    }
  }
  scheduler.loop->RunOnce();
  REQUIRE(calm->triggers.size() == 1);
}

TEST_CASE("@every 0s with repeats fires them all and starves nobody") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("hot", {.schedule = "@every 0s", .repeats = 5}).ok());
  REQUIRE(scheduler.Schedule("other", {.due_time = "1s"}).ok());
  size_t answered = 0;
  while (answered < watcher->triggers.size()) scheduler.Answer(*watcher, ++answered);
  REQUIRE(answered == 5);
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(watcher->triggers.back().name() == "other");
}

// The tick of "hot" is always the oldest. With one slot for all it must still let others go first.
TEST_CASE("a job that is always due starves nobody, even where only one may be in flight") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch({{scheduler.Target(), "", 1}});
  REQUIRE(scheduler.Schedule("hot", {.schedule = "@every 0s", .repeats = 1000}).ok());
  REQUIRE(scheduler.Schedule("behind", {.schedule = "@every 1s"}).ok());
  scheduler.Advance(absl::Seconds(60));  // "behind" catches up on a minute
  REQUIRE(scheduler.Schedule("once", {.due_time = "0s"}).ok());
  for (uint64_t answered = 1; answered <= 6; ++answered) {
    scheduler.clock.Advance(absl::Milliseconds(1));
    scheduler.Answer(*watcher, answered);
  }
  std::vector<std::string> names;
  for (const auto& trigger : watcher->triggers) names.push_back(trigger.name());
  REQUIRE(names ==
          std::vector<std::string>{"hot", "behind", "once", "hot", "behind", "hot", "behind"});
}

TEST_CASE("an app whose streams are full parks only its own jobs") {
  ManualScheduler scheduler;
  auto full = scheduler.Watch();
  full->count_unsent = true;
  const std::string payload(kMaxUnsentBytesPerWatcher / 2, 'x');
  for (int i = 0; i < 5; ++i) {
    REQUIRE(
        scheduler.Schedule("big" + std::to_string(i), {.due_time = "0s", .data = payload}).ok());
  }
  REQUIRE(full->triggers.size() == 2);
  scheduler.app = "other";
  auto other = scheduler.Watch();
  for (int i = 0; i < 5; ++i) {
    REQUIRE(
        scheduler.Schedule("job" + std::to_string(i), {.due_time = "1s", .data = payload}).ok());
  }
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(other->triggers.size() == 5);
  REQUIRE(full->triggers.size() == 2);
  // They were parked, not dropped.
  full->Drain();
  scheduler.loop->WatcherDrained(full->id);
  scheduler.RunUntilIdle();
  REQUIRE(full->triggers.size() == 4);
}

TEST_CASE("a wall clock that steps back fires no tick twice") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 10s"}).ok());
  scheduler.Advance(absl::Seconds(10));
  scheduler.Answer(*watcher, 1);
  scheduler.clock.StepTo(scheduler.clock.Now() - absl::Seconds(10));
  scheduler.Advance(absl::Seconds(10));
  REQUIRE(watcher->triggers.size() == 1);
  scheduler.Advance(absl::Seconds(10));
  REQUIRE(watcher->triggers.size() == 2);
}

TEST_CASE("a pause does not grow by a wall clock that is set back") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "2020-01-01T00:00:00Z"}).ok());
  for (int round = 0; round < 2; ++round) scheduler.Unwatch(*scheduler.Watch());
  scheduler.clock.StepTo(scheduler.clock.Now() - absl::Hours(1));
  auto watcher = scheduler.Watch();
  REQUIRE(watcher->triggers.size() == 1);
}

TEST_CASE("a pause ends when the wall clock is set back while it lasts") {
  ManualScheduler scheduler;
  std::vector<std::shared_ptr<RecordingWatcher>> watchers;
  for (int i = 0; i < 3; ++i) watchers.push_back(scheduler.Watch());
  REQUIRE(scheduler.Schedule("job", {.due_time = "2020-01-01T00:00:00Z"}).ok());
  // The second loss makes the job pause; the third watcher keeps it in memory.
  for (int i = 0; i < 2; ++i) {
    REQUIRE(watchers[static_cast<size_t>(i)]->triggers.size() == 1);
    scheduler.Unwatch(*watchers[static_cast<size_t>(i)]);
  }
  REQUIRE(watchers[2]->triggers.empty());
  scheduler.clock.StepTo(scheduler.clock.Now() - absl::Hours(1));
  scheduler.RunUntilIdle();
  REQUIRE(watchers[2]->triggers.size() == 1);
}

TEST_CASE("a counter that does not parse keeps nobody from deleting its job") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1s"}).ok());
  scheduler.Advance(absl::Seconds(1));
  scheduler.Answer(*watcher, 1);
  scheduler.Unwatch(*watcher);
  Batch damage;
  damage.Put(Table::kCounters, EncodeId(1), "\xff\xff\xff");
  REQUIRE(scheduler.store.Write(damage).ok());
  REQUIRE(scheduler.Delete("job").ok());
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()));
  REQUIRE(scheduler.Schedule("job", {.due_time = "5s"}).ok());
  watcher = scheduler.Watch();
  scheduler.Advance(absl::Seconds(5));
  REQUIRE(watcher->triggers.size() == 1);
}

TEST_CASE("a record that does not parse is set aside and the rest runs") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("broken", {.due_time = "0s"}).ok());
  REQUIRE(scheduler.Schedule("whole", {.due_time = "0s"}).ok());
  Batch damage;
  damage.Put(Table::kJobs, EncodeId(1), "\xff\xff\xff");
  REQUIRE(scheduler.store.Write(damage).ok());
  auto watcher = scheduler.Watch();
  REQUIRE(watcher->triggers.size() == 1);
  REQUIRE(watcher->triggers[0].name() == "whole");
  std::vector<std::string> quarantined;
  REQUIRE(scheduler.store
              .Scan({Table::kQuarantine, "jobs", ""},  // behind the notes
                    [&](auto, auto value) {
                      quarantined.emplace_back(value);
                      return true;
                    })
              .ok());
  REQUIRE(quarantined == std::vector<std::string>{"\xff\xff\xff"});
  REQUIRE(scheduler.quarantined_count == 1);
}

TEST_CASE("a job without its record is an error that says what to do, and can be replaced") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h"}).ok());
  Batch damage;
  damage.Delete(Table::kJobs, EncodeId(1));
  REQUIRE(scheduler.store.Write(damage).ok());
  const absl::Status status = scheduler.Get("job").status();
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE(std::string(status.message()).find("belfry admin quarantine") != std::string::npos);
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h"}, /*overwrite=*/true).ok());
  REQUIRE(scheduler.Get("job").ok());
}

}  // namespace
}  // namespace belfry
