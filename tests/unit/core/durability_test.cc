// What may be told when, and what a kill or a power cut leaves.

#include <catch2/catch.hpp>

#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

TEST_CASE("an accepted job is not confirmed before it is durable") {
  ManualScheduler scheduler;
  const auto answer = scheduler.Submit("job", {.due_time = "1h"});
  scheduler.RunWithoutSync();
  REQUIRE_FALSE(answer->has_value());
  scheduler.loop->RunSyncer();
  REQUIRE((*answer)->ok());
}

TEST_CASE("a refusal waits for the job that it tells of") {
  ManualScheduler scheduler;
  const auto first = scheduler.Submit("job", {.due_time = "1h"});
  const auto second = scheduler.Submit("job", {.due_time = "1h"});
  scheduler.RunWithoutSync();
  REQUIRE_FALSE(second->has_value());
  scheduler.RunUntilIdle();
  REQUIRE(absl::IsAlreadyExists(**second));
  REQUIRE((*first)->ok());
}

TEST_CASE("a read waits for what it has seen") {
  ManualScheduler scheduler;
  scheduler.Submit("job", {.due_time = "1h"});
  scheduler.RunWithoutSync();
  bool answered = false;
  scheduler.loop->Get(JobKeyOf(scheduler.Metadata(), "job"), [&](auto) { answered = true; });
  REQUIRE_FALSE(answered);
  scheduler.loop->RunSyncer();
  REQUIRE(answered);
}

TEST_CASE("a second delete waits for the first") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h"}).ok());
  int answered = 0;
  for (int i = 0; i < 2; ++i) {
    scheduler.loop->Delete(JobKeyOf(scheduler.Metadata(), "job"),
                           [&](absl::Status) { ++answered; });
  }
  scheduler.RunWithoutSync();
  REQUIRE(answered == 0);
  scheduler.loop->RunSyncer();
  REQUIRE(answered == 2);
}

TEST_CASE("a delete of a job that its last answer has ended waits for that answer") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  scheduler.loop->Settle(watcher->id, 1, Outcome::kSuccess);
  scheduler.RunWithoutSync();
  bool answered = false;
  scheduler.loop->Delete(JobKeyOf(scheduler.Metadata(), "job"),
                         [&](absl::Status) { answered = true; });
  scheduler.RunWithoutSync();
  REQUIRE_FALSE(answered);
  scheduler.loop->RunSyncer();
  REQUIRE(answered);
}

TEST_CASE("what a killed process had written is made durable before it is told of") {
  ManualScheduler scheduler;
  scheduler.Submit("job", {.due_time = "1h"});
  scheduler.RunWithoutSync();
  scheduler.Kill();
  REQUIRE(absl::IsAlreadyExists(scheduler.Schedule("job", {.due_time = "1h"})));
  scheduler.LosePower();
  REQUIRE(scheduler.Get("job").ok());
}

TEST_CASE("confirmed jobs survive a power cut, unconfirmed ones may go, whole") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("kept", {.due_time = "1s"}).ok());
  const auto unconfirmed = scheduler.Submit("lost", {.due_time = "1s"});
  scheduler.RunWithoutSync();
  REQUIRE_FALSE(unconfirmed->has_value());
  scheduler.LosePower();
  REQUIRE((*unconfirmed)->code() == absl::StatusCode::kUnavailable);
  REQUIRE(scheduler.List() == std::vector<std::string>{"kept"});
  auto watcher = scheduler.Watch();
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(watcher->triggers.size() == 1);
}

TEST_CASE("answers are made durable within the bound, though nobody waits for them") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 10s"}).ok());
  scheduler.Advance(absl::Seconds(10));
  scheduler.loop->Settle(watcher->id, 1, Outcome::kSuccess);
  scheduler.RunWithoutSync();
  REQUIRE_FALSE(scheduler.loop->RunSyncer());
  scheduler.clock.Advance(LoopOptions().max_unsynced);
  REQUIRE(scheduler.loop->RunSyncer());
  scheduler.LosePower();
  watcher = scheduler.Watch();
  REQUIRE(watcher->triggers.empty());
  scheduler.Advance(absl::Seconds(9));
  REQUIRE(watcher->triggers.size() == 1);
}

TEST_CASE("a kill repeats the tick in flight and no settled one") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1s", .repeats = 3}).ok());
  scheduler.Advance(absl::Seconds(1));
  scheduler.Answer(*watcher, 1);
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(watcher->triggers.size() == 2);
  scheduler.Kill();
  watcher = scheduler.Watch();
  REQUIRE(watcher->triggers.size() == 1);
  scheduler.Answer(*watcher, 1);
  scheduler.Advance(absl::Seconds(1));
  scheduler.Answer(*watcher, 2);
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()));
}

TEST_CASE("a due time below what the index has consumed is found after a restart") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  // More than one mark's worth of settled jobs, so that the mark is far ahead.
  uint64_t answered = 0;
  for (int i = 0; i < 10000; ++i) {
    scheduler.Submit("job" + std::to_string(i), {.due_time = "0s"});
    if (i % 500 != 499) continue;
    scheduler.RunUntilIdle();
    while (answered < watcher->triggers.size()) {
      scheduler.loop->Settle(watcher->id, ++answered, Outcome::kSuccess);
    }
    scheduler.Advance(absl::Seconds(10));
  }
  REQUIRE(answered == 10000);
  scheduler.Unwatch(*watcher);
  REQUIRE(scheduler.Schedule("past", {.due_time = "2020-01-01T00:00:00Z"}).ok());
  scheduler.Kill();
  watcher = scheduler.Watch();
  REQUIRE(watcher->triggers.size() == 1);
  REQUIRE(watcher->triggers[0].name() == "past");
}

TEST_CASE("ids are not used again after a restart") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h"}).ok());
  REQUIRE(scheduler.Delete("job").ok());
  scheduler.Kill();
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h"}).ok());
  std::optional<uint64_t> id;
  REQUIRE(scheduler.store
              .Scan({Table::kJobs, "", ""},
                    [&](auto key, auto) {
                      id = DecodeId(key);
                      return true;
                    })
              .ok());
  REQUIRE(id.value() > 1);
}

TEST_CASE("a write that fails ends the scheduler and answers Unavailable") {
  ManualScheduler scheduler;
  scheduler.store.FailWrites(absl::InternalError("disk on fire"));
  const auto answer = scheduler.Submit("job", {.due_time = "1h"});
  scheduler.loop->RunOnce();
  REQUIRE(absl::IsUnavailable(**answer));
  REQUIRE(scheduler.fatal.code() == absl::StatusCode::kInternal);
  const auto later = scheduler.Submit("later", {.due_time = "1h"});
  scheduler.loop->RunOnce();
  REQUIRE(absl::IsUnavailable(**later));
}

TEST_CASE("a sync that fails ends the scheduler and answers Unavailable") {
  ManualScheduler scheduler;
  scheduler.store.FailSyncs(absl::InternalError("disk on fire"));
  const auto answer = scheduler.Submit("job", {.due_time = "1h"});
  scheduler.RunUntilIdle();
  REQUIRE(absl::IsUnavailable(**answer));
  REQUIRE(scheduler.fatal.code() == absl::StatusCode::kInternal);
}

TEST_CASE("after a failed sync nothing is sent any more") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("later", {.due_time = "1s"}).ok());
  scheduler.store.FailSyncs(absl::InternalError("disk on fire"));
  scheduler.Submit("job", {.due_time = "1h"});
  scheduler.RunUntilIdle();
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(watcher->triggers.empty());
}

TEST_CASE("a write that the store puts off is made later, and nothing is told before") {
  ManualScheduler scheduler;
  scheduler.store.FailWrites(absl::ResourceExhaustedError("would stall"));
  const auto answer = scheduler.Submit("job", {.due_time = "1h"});
  const auto second = scheduler.Submit("job", {.due_time = "1h"});
  for (int i = 0; i < 3; ++i) REQUIRE(scheduler.loop->RunOnce() > absl::ZeroDuration());
  REQUIRE_FALSE(answer->has_value());
  scheduler.store.FailWrites(absl::OkStatus());
  scheduler.RunUntilIdle();
  REQUIRE((*answer)->ok());
  REQUIRE(absl::IsAlreadyExists(**second));
  REQUIRE(scheduler.List() == std::vector<std::string>{"job"});
}

}  // namespace
}  // namespace belfry
