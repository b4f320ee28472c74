// When the scheduler knows of itself that it does not fire.

#include "scheduler/engine/firing_watch.h"

#include <catch2/catch.hpp>
#include <string>

#include "scheduler/base/limits.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

const absl::Duration kBound = Limits().max_dispatch_wait;

// One turn in which the target 1 starts something, if `served`, and target 2 does not.
void Turn(FiringWatch* watch, absl::Duration now, FiringWatch::Place* first,
          FiringWatch::Place* second, bool served) {
  watch->BeginTurn(now, /*loading=*/false);
  if (served) watch->Started(first, 1);
  watch->LeftWaiting(first);
  watch->LeftWaiting(second);
  watch->EndTurn(/*loading=*/false);
}

TEST_CASE("a target that is passed over again and again is noticed, though others go on") {
  FiringWatch watch;
  FiringWatch::Place first;
  FiringWatch::Place second;
  for (int i = 1; i <= 20; ++i) {
    Turn(&watch, absl::Seconds(i), &first, &second, /*served=*/true);
    // Its turn may still come in the round after the one in which it began to wait.
    CHECK(watch.stuck_since() == absl::Seconds(i > 2 ? 1 : i));
  }
  watch.BeginTurn(absl::Seconds(21), false);
  watch.Started(&first, 1);
  watch.Started(&second, 2);
  watch.LeftWaiting(&first);
  watch.LeftWaiting(&second);
  watch.EndTurn(false);
  CHECK(watch.stuck_since() == absl::Seconds(21));
}

TEST_CASE("what could not start for a while has not waited meanwhile") {
  FiringWatch watch;
  FiringWatch::Place first;
  FiringWatch::Place second;
  Turn(&watch, absl::Seconds(1), &first, &second, /*served=*/false);
  Turn(&watch, absl::Seconds(2), &first, &second, /*served=*/false);
  CHECK(watch.stuck_since() == absl::ZeroDuration());
  watch.BeginTurn(absl::Seconds(3), false);
  watch.EndTurn(false);
  CHECK_FALSE(watch.stuck_since().has_value());
  Turn(&watch, absl::Seconds(60), &first, &second, /*served=*/false);
  CHECK(watch.stuck_since() == absl::Seconds(3));
}

TEST_CASE("a loop that does not turn is noticed") {
  ManualScheduler scheduler;
  CHECK(scheduler.loop->firing().since_turn == absl::ZeroDuration());
  scheduler.clock.Advance(absl::Seconds(11));
  CHECK(scheduler.loop->firing().since_turn == absl::Seconds(11));
  scheduler.RunUntilIdle();
  CHECK(scheduler.loop->firing().since_turn == absl::ZeroDuration());
}

// Turns of the loop for some time, with nobody else at work.
void TurnFor(ManualScheduler& scheduler, absl::Duration time) {
  for (absl::Duration t; t < time; t += kMaxLoopSleep) {
    scheduler.clock.Advance(kMaxLoopSleep);
    scheduler.loop->RunOnce();
  }
}

TEST_CASE("jobs whose payloads do not come are noticed, and that they come again") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "1s"}).ok());
  TurnFor(scheduler, kBound + absl::Seconds(2));
  CHECK(scheduler.loop->firing().stuck >= kBound);
  CHECK(scheduler.loop->firing().since_turn == absl::ZeroDuration());
  scheduler.RunUntilIdle();
  CHECK(watcher->triggers.size() == 1);
  CHECK(scheduler.loop->firing().stuck == absl::ZeroDuration());
}

TEST_CASE("stretches of the index that do not come are noticed") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1s"}).ok());
  auto watcher = std::make_shared<RecordingWatcher>();
  scheduler.loop->AddWatcher(watcher, {scheduler.Target()});
  TurnFor(scheduler, kBound + absl::Seconds(2));
  CHECK(scheduler.loop->firing().stuck >= kBound);
  scheduler.RunUntilIdle();
  CHECK(watcher->triggers.size() == 1);
  CHECK(scheduler.loop->firing().stuck == absl::ZeroDuration());
}

TEST_CASE("a store that takes no batch for long is noticed once a job is due") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "5s"}).ok());
  scheduler.store.FailWrites(absl::ResourceExhaustedError("stalled"));
  const auto other = scheduler.Submit("other", {.due_time = "1h"});
  for (int i = 0; i < 20; ++i) {
    scheduler.clock.Advance(absl::Seconds(1));
    scheduler.loop->RunOnce();
    if (i < 3) CHECK(scheduler.loop->firing().stuck == absl::ZeroDuration());
  }
  CHECK(scheduler.loop->firing().stuck >= kBound);
  CHECK(scheduler.loop->firing().since_turn < kBound);
  scheduler.store.FailWrites(absl::OkStatus());
  scheduler.RunUntilIdle();
  CHECK((other->has_value() && (*other)->ok()));
  CHECK(watcher->triggers.size() == 1);
  CHECK(scheduler.loop->firing().stuck == absl::ZeroDuration());
}

TEST_CASE("an hour's backlog is late, and no sign of trouble") {
  constexpr int kJobs = 5000;
  ManualScheduler scheduler;
  for (const char* app : {"app", "app2"}) {
    scheduler.app = app;
    for (int i = 0; i < kJobs; ++i) {
      scheduler.Submit("job" + std::to_string(i), {.due_time = "1s"});
    }
    scheduler.RunUntilIdle();
  }
  scheduler.Advance(absl::Hours(1));
  scheduler.Kill();
  CHECK(scheduler.loop->firing().backlog == absl::ZeroDuration());  // nobody is there
  std::vector<std::shared_ptr<RecordingWatcher>> watchers;
  for (const char* app : {"app", "app2"}) {
    scheduler.app = app;
    watchers.push_back(std::make_shared<RecordingWatcher>());
    scheduler.loop->AddWatcher(watchers.back(), {scheduler.Target()});
  }
  absl::Duration backlog;
  // Every turn takes long, and many are needed.
  for (int turns = 0; watchers[0]->triggers.size() + watchers[1]->triggers.size() < 2 * kJobs;
       ++turns) {
    REQUIRE(turns < 1000);
    scheduler.clock.Advance(absl::Seconds(3));
    scheduler.loop->RunOnce();
    scheduler.loop->RunReaders();
    CHECK(scheduler.loop->firing().stuck < kBound);
    backlog = std::max(backlog, scheduler.loop->firing().backlog);
  }
  CHECK(backlog > absl::Minutes(59));
  scheduler.RunUntilIdle();
  CHECK(scheduler.loop->firing().backlog == absl::ZeroDuration());
}

TEST_CASE("apps that are away, full, or at their limits are no sign of trouble") {
  ManualScheduler scheduler;
  scheduler.actor_type = "Cart";
  const ConcurrencyLimit limit{scheduler.Target(), "", 1};
  std::shared_ptr<RecordingWatcher> watcher;
  SECTION("away") {}
  SECTION("full") {
    watcher = scheduler.Watch();
    watcher->count_unsent = true;
    REQUIRE(scheduler
                .Schedule("big",
                          {.due_time = "0s", .data = std::string(kMaxUnsentBytesPerWatcher, 'x')})
                .ok());
  }
  SECTION("at the limit") {
    watcher = scheduler.Watch({limit});
    REQUIRE(scheduler.Schedule("slow", {.due_time = "0s"}).ok());
  }
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  for (int i = 0; i < 60; ++i) {
    scheduler.Advance(absl::Seconds(1));
    CHECK(scheduler.loop->firing().stuck == absl::ZeroDuration());
  }
  if (watcher != nullptr) CHECK(watcher->triggers.size() == 1);
}

TEST_CASE("a wall clock that is set looks like no trouble") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1h"}).ok());
  const absl::Duration step = GENERATE(absl::Hours(5), -absl::Hours(5));
  scheduler.clock.StepTo(scheduler.clock.Now() + step);
  scheduler.loop->RunOnce();
  CHECK(scheduler.loop->firing().stuck == absl::ZeroDuration());
  scheduler.RunUntilIdle();
  CHECK(scheduler.loop->firing().stuck == absl::ZeroDuration());
  CHECK(watcher->triggers.size() == (step > absl::ZeroDuration() ? 1 : 0));
}

}  // namespace
}  // namespace belfry
