// Requests: schedule, get, list, delete, delete by prefix, and the limits.

#include <catch2/catch.hpp>

#include "scheduler/base/limits.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

TEST_CASE("a name that is taken is refused by its full name, unless it is overwritten") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h"}).ok());
  const absl::Status taken = scheduler.Schedule("job", {.due_time = "2h"});
  REQUIRE(absl::IsAlreadyExists(taken));
  REQUIRE(taken.message() == "job already exists: 'app||ns||app||job'");
  REQUIRE(scheduler.Get("job")->job().due_time() == "1h");
  REQUIRE(scheduler.Schedule("job", {.due_time = "2h"}, true).ok());
  REQUIRE(scheduler.Get("job")->job().due_time() == "2h");
}

TEST_CASE("create and overwrite of one name in one turn keep their order") {
  ManualScheduler scheduler;
  const auto first = scheduler.Submit("job", {.due_time = "1h"});
  const auto second = scheduler.Submit("job", {.due_time = "2h"}, true);
  const auto third = scheduler.Submit("job", {.due_time = "3h"});
  scheduler.RunUntilIdle();
  REQUIRE((*first)->ok());
  REQUIRE((*second)->ok());
  REQUIRE(absl::IsAlreadyExists(**third));
  REQUIRE(scheduler.Get("job")->job().due_time() == "2h");
  auto watcher = scheduler.Watch();
  scheduler.Advance(absl::Hours(4));
  REQUIRE(watcher->triggers.size() == 1);
}

TEST_CASE("what was scheduled reads back as it was written, with the default policy") {
  ManualScheduler scheduler;
  REQUIRE(
      scheduler
          .Schedule(
              "job",
              {.schedule = "@every 1m", .due_time = "10s", .ttl = "1h", .repeats = 5, .data = "x"})
          .ok());
  const auto record = scheduler.Get("job");
  REQUIRE(record.ok());
  REQUIRE(record->job().schedule() == "@every 1m");
  REQUIRE(record->job().due_time() == "10s");
  REQUIRE(record->job().ttl() == "1h");
  REQUIRE(record->job().repeats() == 5);
  REQUIRE(record->job().failure_policy().constant().max_retries() == 3);
  REQUIRE(record->job().failure_policy().constant().interval().seconds() == 1);
}

TEST_CASE("deleting what does not exist is OK") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Delete("job").ok());
  REQUIRE(scheduler.DeletePrefix("").ok());
}

TEST_CASE("lists are in name order and hold only the target's jobs") {
  ManualScheduler scheduler;
  for (const char* name : {"b", "a||x", "a", "c"}) {
    REQUIRE(scheduler.Schedule(name, {.due_time = "1h"}).ok());
  }
  scheduler.app = "app2";
  REQUIRE(scheduler.Schedule("z", {.due_time = "1h"}).ok());
  scheduler.app = "app";
  REQUIRE(scheduler.List() == std::vector<std::string>{"a", "a||x", "b", "c"});
}

TEST_CASE("a list above its limit is refused, not cut") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h", .data = std::string(1000, 'x')}).ok());
  std::optional<absl::Status> status;
  scheduler.loop->List(ListPrefix(scheduler.Metadata()).value(), 999,
                       [&](auto jobs) { status = jobs.status(); });
  scheduler.RunUntilIdle();
  REQUIRE(absl::IsResourceExhausted(status.value()));
}

TEST_CASE("a prefix delete hides its jobs at once and purges them in slices") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  for (size_t i = 0; i < 3 * kPurgeSlice; ++i) {
    scheduler.Submit("job-" + std::to_string(i), {.due_time = "10s"});
  }
  scheduler.Submit("keep", {.due_time = "10s"});
  scheduler.RunUntilIdle();
  auto prefix = NamePrefix(scheduler.Metadata(), "job-");
  scheduler.loop->DeletePrefix(*prefix, [](absl::Status) {});
  scheduler.loop->RunOnce();  // the record is written, nothing is purged yet
  bool found = true;
  scheduler.loop->Get(JobKeyOf(scheduler.Metadata(), "job-7"),
                      [&](auto record) { found = record.ok(); });
  scheduler.loop->RunSyncer();
  REQUIRE_FALSE(found);
  scheduler.RunUntilIdle();
  REQUIRE(scheduler.List() == std::vector<std::string>{"keep"});
  for (Table table : {Table::kNames, Table::kJobs, Table::kDue}) {
    size_t rows = 0;
    REQUIRE(scheduler.store.Scan({table, "", ""}, [&](auto, auto) { return ++rows > 0; }).ok());
    CAPTURE(TableName(table));
    REQUIRE(rows == 1);
  }
  size_t records = 0;
  REQUIRE(scheduler.store
              .Scan({Table::kPrefixDeletes, "", ""}, [&](auto, auto) { return ++records > 0; })
              .ok());
  REQUIRE(records == 0);
  scheduler.Advance(absl::Seconds(10));
  REQUIRE(watcher->triggers.size() == 1);
}

TEST_CASE("a prefix delete does not touch a newer job of the same name") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job-1", {.due_time = "1h", .data = "old"}).ok());
  scheduler.loop->DeletePrefix(NamePrefix(scheduler.Metadata(), "job-").value(),
                               [](absl::Status) {});
  const auto newer = scheduler.Submit("job-1", {.due_time = "1h", .data = "new"});
  scheduler.RunUntilIdle();
  REQUIRE((*newer)->ok());
  REQUIRE(scheduler.Get("job-1")->job().data().value() == "new");
}

TEST_CASE("a purge that a crash interrupted is finished after the restart") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job-1", {.due_time = "1s"}).ok());
  scheduler.loop->DeletePrefix(NamePrefix(scheduler.Metadata(), "job-").value(),
                               [](absl::Status) {});
  scheduler.loop->RunOnce();
  scheduler.Kill();
  REQUIRE(absl::IsNotFound(scheduler.Get("job-1").status()));
  auto watcher = scheduler.Watch();
  scheduler.Advance(absl::Seconds(2));
  REQUIRE(watcher->triggers.empty());
  size_t rows = 0;
  REQUIRE(
      scheduler.store.Scan({Table::kJobs, "", ""}, [&](auto, auto) { return ++rows > 0; }).ok());
  REQUIRE(rows == 0);
}

TEST_CASE("a job in flight under a prefix delete is not settled into being again") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1s"}).ok());
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(watcher->triggers.size() == 1);
  REQUIRE(scheduler.DeletePrefix("jo").ok());
  scheduler.Answer(*watcher, 1);
  scheduler.Advance(absl::Seconds(5));
  REQUIRE(watcher->triggers.size() == 1);
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()));
}

TEST_CASE("a job that is loaded in the turn that deletes its prefix is not released") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  const auto scheduled = scheduler.Submit("job", {.due_time = "0s"});
  scheduler.loop->RunOnce();
  scheduler.loop->RunOnce();  // it is due: a reader is asked for it
  while (scheduler.loop->RunReaders()) {
  }
  scheduler.loop->DeletePrefix(NamePrefix(scheduler.Metadata(), "jo").value(), [](absl::Status) {});
  scheduler.RunUntilIdle();
  REQUIRE((*scheduled)->ok());
  REQUIRE(watcher->triggers.empty());
}

TEST_CASE("a job whose expiration precedes its first tick is accepted and over at once") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1s", .ttl = "0s"}).ok());
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()));
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h"}).ok());
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1s", .ttl = "0s"}, true).ok());
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()));
}

TEST_CASE("near a write stall new jobs are refused and deletes go on") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("old", {.due_time = "1h"}).ok());
  scheduler.store.set_write_pressure(WritePressure::kRefuseNewWork);
  REQUIRE(absl::IsResourceExhausted(scheduler.Schedule("new", {.due_time = "1h"})));
  REQUIRE(scheduler.Delete("old").ok());
  REQUIRE(absl::IsNotFound(scheduler.Get("old").status()));
}

TEST_CASE("without disk space new jobs are refused, and everything else goes on") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("tick", {.schedule = "@every 1s"}).ok());
  REQUIRE(scheduler.Schedule("old", {.due_time = "1h"}).ok());
  scheduler.store.RefuseNewJobs(absl::ResourceExhaustedError("database space exceeded"));
  REQUIRE(absl::IsResourceExhausted(scheduler.Schedule("new", {.due_time = "1h"})));
  REQUIRE(absl::IsResourceExhausted(scheduler.Schedule("old", {.due_time = "2h"}, true)));
  REQUIRE(absl::IsAlreadyExists(scheduler.Schedule("old", {.due_time = "2h"})));
  REQUIRE(scheduler.Get("old")->job().due_time() == "1h");
  for (uint64_t tick = 1; tick <= 3; ++tick) {
    scheduler.Advance(absl::Seconds(1));
    REQUIRE(watcher->triggers.size() == tick);
    scheduler.Answer(*watcher, tick);
  }
  REQUIRE(scheduler.Delete("old").ok());
  REQUIRE(scheduler.DeletePrefix("t").ok());
  REQUIRE(scheduler.List().empty());
  scheduler.store.RefuseNewJobs(absl::OkStatus());
  REQUIRE(scheduler.Schedule("new", {.due_time = "1h"}).ok());
}

TEST_CASE("jobs of one turn count together for the disk space that is left") {
  ManualScheduler scheduler;
  const std::string data(1000, 'x');
  scheduler.store.RefuseNewJobs(absl::ResourceExhaustedError("database space exceeded"), 2500);
  std::vector<std::shared_ptr<std::optional<absl::Status>>> answers;
  for (int i = 0; i < 4; ++i) {
    answers.push_back(
        scheduler.Submit("job" + std::to_string(i), {.due_time = "1h", .data = data}));
  }
  scheduler.RunUntilIdle();
  REQUIRE((*answers[0])->ok());
  REQUIRE((*answers[1])->ok());
  REQUIRE(absl::IsResourceExhausted(**answers[2]));
  REQUIRE(absl::IsResourceExhausted(**answers[3]));
  REQUIRE(scheduler.Schedule("alone", {.due_time = "1h", .data = data}).ok());
}

TEST_CASE("a full mailbox refuses requests and still takes answers") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  for (size_t i = 0; i < kMaxMailboxEvents; ++i) {
    scheduler.loop->Delete(JobKeyOf(scheduler.Metadata(), "none"), [](absl::Status) {});
  }
  std::optional<absl::Status> refused;
  scheduler.loop->Delete(JobKeyOf(scheduler.Metadata(), "none"),
                         [&](absl::Status status) { refused = status; });
  REQUIRE(absl::IsResourceExhausted(refused.value()));
  scheduler.Answer(*watcher, 1);
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()));
}

TEST_CASE("requests to a loop that stops are answered Unavailable") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.loop->Stop().ok());
  std::optional<absl::Status> status;
  scheduler.loop->Delete(JobKeyOf(scheduler.Metadata(), "x"), [&](absl::Status s) { status = s; });
  REQUIRE(absl::IsUnavailable(status.value()));
}

TEST_CASE("a store of the first format is taken over, and is of the newest from then on") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1s"}).ok());
  storage::v1::FormatRecord format;
  format.set_version(1);
  Batch batch;
  batch.Put(Table::kMeta, "format", format.SerializeAsString());
  REQUIRE(scheduler.store.Write(batch).ok());
  scheduler.Kill();
  const auto bytes = scheduler.store.Get(Table::kMeta, "format");
  REQUIRE(format.ParseFromString(bytes->value()));
  REQUIRE(format.version() == 2);
  auto watcher = scheduler.Watch();
  scheduler.Advance(absl::Seconds(1));
  REQUIRE(watcher->triggers.size() == 1);
}

TEST_CASE("a store with a newer format is refused") {
  ManualScheduler scheduler;
  storage::v1::FormatRecord format;
  format.set_version(3);
  Batch batch;
  batch.Put(Table::kMeta, "format", format.SerializeAsString());
  REQUIRE(scheduler.store.Write(batch).ok());
  const auto opened = SchedulerLoop::Open(&scheduler.store, &scheduler.clock, {});
  REQUIRE(absl::IsFailedPrecondition(opened.status()));
}

}  // namespace
}  // namespace belfry
