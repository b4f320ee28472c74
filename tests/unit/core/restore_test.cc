// Jobs that come from another store, with their progress.

#include <catch2/catch.hpp>

#include "scheduler/loop/job_cursor.h"
#include "scheduler/store/restored_job.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

std::vector<StoredJob> ReadAll(const Store& store) {
  auto cursor = JobCursor::Open(&store, NamespacePrefixes(""));
  REQUIRE(cursor.ok());
  std::vector<StoredJob> jobs;
  while (!cursor->done()) {
    auto chunk = cursor->Next();
    REQUIRE(chunk.ok());
    REQUIRE(chunk->unreadable.empty());
    for (StoredJob& job : chunk->jobs) jobs.push_back(std::move(job));
  }
  return jobs;
}

absl::Status Restore(ManualScheduler* scheduler, const StoredJob& job, bool overwrite = false) {
  REQUIRE(CheckRestoredJob(job.record, job.progress).ok());
  std::optional<absl::Status> answer;
  scheduler->loop->Restore(job.record, job.progress, overwrite,
                           [&](absl::Status status) { answer = std::move(status); });
  scheduler->RunUntilIdle();
  REQUIRE(answer.has_value());
  return *answer;
}

void CheckSame(const StoredJob& a, const StoredJob& b) {
  CHECK(a.record.SerializeAsString() == b.record.SerializeAsString());
  CHECK(a.progress.first_due == b.progress.first_due);
  REQUIRE(a.progress.counter.has_value() == b.progress.counter.has_value());
  if (!a.progress.counter.has_value()) return;
  CHECK(EncodeCounter(*a.progress.counter) == EncodeCounter(*b.progress.counter));
}

JobText EveryMinute() { return {.schedule = "@every 1m", .ttl = "1h", .repeats = 5, .data = "x"}; }

TEST_CASE("a job is restored with its counter and goes on from there") {
  ManualScheduler from;
  REQUIRE(from.Schedule("job", EveryMinute()).ok());
  auto watcher = from.Watch();
  for (uint64_t tick = 1; tick <= 2; ++tick) {
    from.Advance(absl::Minutes(1));
    from.Answer(*watcher, tick);
  }
  from.Advance(absl::Minutes(1));
  from.Answer(*watcher, 3, Outcome::kFailed);  // the third tick is to be tried again in a second
  const std::vector<StoredJob> jobs = ReadAll(from.store);
  REQUIRE(jobs.size() == 1);
  const Counter& counter = jobs[0].progress.counter.value();
  CHECK(counter.progress.count == 2);
  CHECK(counter.progress.attempts == 1);
  CHECK(counter.due == counter.tick + absl::Seconds(1));

  ManualScheduler to;
  REQUIRE(Restore(&to, jobs[0]).ok());
  const auto restored = ReadAll(to.store);
  REQUIRE(restored.size() == 1);
  CheckSame(restored[0], jobs[0]);
  watcher = to.Watch();
  to.AdvanceTo(counter.due - absl::Nanoseconds(1));
  CHECK(watcher->triggers.empty());
  to.AdvanceTo(counter.due);
  for (uint64_t tick = 1; tick <= 3; ++tick) {
    REQUIRE(watcher->triggers.size() == tick);
    CHECK(watcher->triggers.back().name() == "job");
    to.Answer(*watcher, tick);
    to.Advance(absl::Minutes(1));
  }
  // Two ticks of five were settled elsewhere.
  CHECK(watcher->triggers.size() == 3);
  CHECK(to.List().empty());
}

TEST_CASE("a restored job survives a power cut once it was acknowledged") {
  ManualScheduler from;
  REQUIRE(from.Schedule("job", {.due_time = "1h", .concurrency_key = "key"}).ok());
  const auto jobs = ReadAll(from.store);
  ManualScheduler to;
  REQUIRE(Restore(&to, jobs.at(0)).ok());
  to.LosePower();
  const auto restored = ReadAll(to.store);
  REQUIRE(restored.size() == 1);
  CheckSame(restored[0], jobs[0]);
  auto watcher = to.Watch();
  to.Advance(absl::Hours(1));
  CHECK(watcher->triggers.size() == 1);
}

TEST_CASE("a name that is taken keeps its job unless it may be replaced") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "2h"}).ok());
  const auto jobs = ReadAll(scheduler.store);
  REQUIRE(scheduler.Schedule("job", {.due_time = "3h"}, /*overwrite=*/true).ok());
  CHECK(absl::IsAlreadyExists(Restore(&scheduler, jobs.at(0))));
  CHECK(scheduler.Get("job")->job().due_time() == "3h");
  CHECK(Restore(&scheduler, jobs[0], /*overwrite=*/true).ok());
  CHECK(scheduler.Get("job")->job().due_time() == "2h");
  auto watcher = scheduler.Watch();
  scheduler.Advance(absl::Hours(4));
  CHECK(watcher->triggers.size() == 1);
}

TEST_CASE("what cannot be gone on with is refused, naming the field") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", EveryMinute()).ok());
  auto watcher = scheduler.Watch();
  scheduler.Advance(absl::Minutes(1));
  scheduler.Answer(*watcher, 1);
  StoredJob job = ReadAll(scheduler.store).at(0);
  Counter& counter = job.progress.counter.value();
  REQUIRE(CheckRestoredJob(job.record, job.progress).ok());
  std::string field;
  SECTION("no name") {
    job.record.clear_name();
    field = "job name";
  }
  SECTION("no namespace") {
    job.record.mutable_metadata()->clear_namespace_();
    field = "missing namespace";
  }
  SECTION("no beginning") {
    job.record.clear_begin();
    field = "begin";
  }
  SECTION("a schedule that is none") {
    job.record.mutable_job()->set_schedule("61 * * * * *");
    field = "schedule";
  }
  SECTION("a beginning that is a due time of a job without one") {
    *job.record.mutable_due_time() = storage::v1::Instant(job.record.start());
    field = "dueTime";
  }
  SECTION("a ttl without an expiration") {
    job.record.clear_expiration();
    field = "ttl";
  }
  SECTION("a first tick before the beginning") {
    job.progress.first_due -= absl::Hours(1);
    field = "firstDue";
  }
  SECTION("a tick after the end") {
    counter.tick = counter.due = counter.tick + absl::Hours(2);
    field = "counter.tick";
  }
  SECTION("a try before its tick") {
    counter.due -= absl::Seconds(1);
    field = "counter.nextDue";
  }
  SECTION("a last tick that is still to come") {
    counter.progress.last_trigger = counter.tick + absl::Seconds(1);
    field = "counter.lastTrigger";
  }
  SECTION("no tick left") {
    counter.progress.count = 5;
    field = "counter.count";
  }
  SECTION("a time that no store can hold") {
    counter.due = absl::InfiniteFuture();
    field = "counter.nextDue";
  }
  const absl::Status status = CheckRestoredJob(job.record, job.progress);
  INFO(status.ToString());
  CHECK(absl::IsInvalidArgument(status));
  CHECK(std::string(status.message()).starts_with(field));
}

TEST_CASE("a sync on demand makes progress durable that nobody waits for") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1m"}).ok());
  auto watcher = scheduler.Watch();
  scheduler.clock.Advance(absl::Minutes(1));
  scheduler.RunWithoutSync();
  REQUIRE(watcher->triggers.size() == 1);
  scheduler.loop->Settle(watcher->id, 1, Outcome::kSuccess);
  scheduler.RunWithoutSync();
  const bool synced = GENERATE(true, false);
  if (synced) REQUIRE(scheduler.loop->SyncNow().ok());
  scheduler.LosePower();
  CHECK(ReadAll(scheduler.store).at(0).progress.counter.has_value() == synced);
}

TEST_CASE("a sync on demand that fails says so, and ends the scheduler") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h"}).ok());
  scheduler.store.FailSyncs(absl::InternalError("no disk"));
  CHECK(absl::IsUnavailable(scheduler.loop->SyncNow()));
  CHECK_FALSE(scheduler.fatal.ok());
}

}  // namespace
}  // namespace belfry
