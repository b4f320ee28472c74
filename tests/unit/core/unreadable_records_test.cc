// Records that cannot be read, of each table: set aside, counted, and what can be told from other
// records is rebuilt; nothing else stops.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "scheduler/job/key_codec.h"
#include "scheduler/store/quarantine.h"
#include "scheduler/store/turn_batch.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

constexpr char kGarbage[] = "\xff\xff\xff";

std::string JobKeyNamed(const std::string& name) {
  return EncodeJobKey({{TargetKind::kApp, "ns", "app"}, "", name});
}

void Damage(ManualScheduler& scheduler, Table table, const std::string& key) {
  Batch damage;
  damage.Put(table, key, kGarbage);
  REQUIRE(scheduler.store.Write(damage).ok());
}

// The tables of what was set aside.
std::vector<std::string> SetAside(const ManualScheduler& scheduler) {
  std::vector<std::string> tables;
  REQUIRE(ReadQuarantine(scheduler.store, [&](const QuarantinedRecord& record) {
            CHECK(record.bytes == 3);
            CHECK(record.time.has_value());
            tables.push_back(record.table);
            return true;
          }).ok());
  return tables;
}

using Tables = std::vector<std::string>;

// A scheduler that was killed and whose record was damaged while it was down.
void Restart(ManualScheduler& scheduler, Table table, const std::string& key) {
  scheduler.Kill();
  Damage(scheduler, table, key);
  scheduler.Kill();
}

TEST_CASE("a name that cannot be read is rebuilt from its job") {
  ManualScheduler scheduler;
  const std::string key = GENERATE("", "key");
  REQUIRE(scheduler.Schedule("old", {.due_time = "1h", .concurrency_key = key}).ok());
  REQUIRE(scheduler
              .Schedule("old", {.due_time = "1h", .data = "new", .concurrency_key = key},
                        /*overwrite=*/true)
              .ok());
  REQUIRE(scheduler.Schedule("other", {.due_time = "2h"}).ok());
  Damage(scheduler, Table::kNames, JobKeyNamed("old"));
  SECTION("by a get") {
    const auto record = scheduler.Get("old");
    REQUIRE(record.ok());
    CHECK(record->job().has_data());
    CHECK(scheduler.List() == Tables{"old", "other"});
  }
  SECTION("by a delete") {
    REQUIRE(scheduler.Delete("old").ok());
    CHECK(absl::IsNotFound(scheduler.Get("old").status()));
  }
  SECTION("by a schedule, which is refused") {
    CHECK(absl::IsAlreadyExists(scheduler.Schedule("old", {.due_time = "1h"})));
    REQUIRE(scheduler.Get("old").ok());
  }
  SECTION("by an overwrite") {
    REQUIRE(scheduler.Schedule("old", {.due_time = "3h"}, /*overwrite=*/true).ok());
  }
  const bool is_there = scheduler.Get("old").ok();
  const bool is_later = is_there && scheduler.Get("old")->job().due_time() == "3h";
  scheduler.RunUntilIdle();
  CHECK(SetAside(scheduler) == Tables{"names"});
  CHECK(scheduler.quarantined_count == 1);
  // Only what is there fires, at its own time.
  auto watcher = scheduler.Watch();
  scheduler.Advance(absl::Hours(1));
  CHECK(watcher->triggers.size() == (is_there && !is_later ? 1 : 0));
  scheduler.Advance(absl::Hours(2));
  CHECK(watcher->triggers.size() == (is_there ? 2 : 1));
}

TEST_CASE("a name that cannot be read and has no job is gone") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h"}).ok());
  Batch damage;
  damage.Delete(Table::kJobs, EncodeId(1));
  REQUIRE(scheduler.store.Write(damage).ok());
  Damage(scheduler, Table::kNames, JobKeyNamed("job"));
  CHECK(absl::IsNotFound(scheduler.Get("job").status()));
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h"}).ok());
  REQUIRE(scheduler.Get("job").ok());
  CHECK(SetAside(scheduler) == Tables{"names"});
}

TEST_CASE("a delete of many takes a job whose name cannot be read") {
  ManualScheduler scheduler;
  for (const char* name : {"a", "b", "c"}) {
    REQUIRE(scheduler.Schedule(name, {.due_time = "1h"}).ok());
  }
  REQUIRE(scheduler.Schedule("z", {.due_time = "1h"}).ok());
  Damage(scheduler, Table::kNames, JobKeyNamed("b"));
  for (const char* prefix : {"a", "b", "c"}) REQUIRE(scheduler.DeletePrefix(prefix).ok());
  scheduler.RunUntilIdle();
  CHECK(SetAside(scheduler) == Tables{"names"});
  size_t jobs = 0;
  REQUIRE(scheduler.store
              .Scan({Table::kJobs, "", ""},
                    [&](auto, auto) {
                      ++jobs;
                      return true;
                    })
              .ok());
  CHECK(jobs == 1);
  auto watcher = scheduler.Watch();
  scheduler.Advance(absl::Hours(1));
  REQUIRE(watcher->triggers.size() == 1);
  CHECK(watcher->triggers[0].name() == "z");
}

TEST_CASE("a group whose record cannot be read is rebuilt from its index") {
  ManualScheduler scheduler;
  const std::string key = GENERATE("", "key");
  REQUIRE(scheduler.Schedule("first", {.due_time = "0s", .concurrency_key = "z"}).ok());
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h", .concurrency_key = key}).ok());
  REQUIRE(scheduler.Schedule("lost", {.due_time = "30m", .concurrency_key = key}).ok());
  Damage(scheduler, Table::kJobs, EncodeId(3));
  Restart(scheduler, Table::kGroups, EncodeGroupKey(scheduler.Target(), key));
  REQUIRE(scheduler.Get("job").ok());
  scheduler.Kill();
  scheduler.RunUntilIdle();
  auto watcher = scheduler.Watch();
  CHECK(watcher->triggers.size() == 1);
  scheduler.Advance(absl::Hours(2));
  REQUIRE(watcher->triggers.size() == 2);
  CHECK(watcher->triggers[1].name() == "job");
  scheduler.Answer(*watcher, watcher->triggers[1].id());
  CHECK(absl::IsNotFound(scheduler.Get("job").status()));
  CHECK(SetAside(scheduler) == Tables{"groups", "jobs"});
}

TEST_CASE("a group whose record cannot be read and that has no jobs is gone") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h"}).ok());
  Damage(scheduler, Table::kJobs, EncodeId(1));
  Restart(scheduler, Table::kGroups, EncodeGroupKey(scheduler.Target(), ""));
  scheduler.RunUntilIdle();
  CHECK(SetAside(scheduler) == Tables{"groups"});
  CHECK(scheduler.quarantined_count == 1);
  CHECK(absl::IsDataLoss(scheduler.Get("job").status()));
  // What is left of the job can go, and the name can be used again.
  REQUIRE(scheduler.Delete("job").ok());
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  CHECK(scheduler.Watch()->triggers.size() == 1);
}

TEST_CASE("a group record under a key that is none is set aside") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  Restart(scheduler, Table::kGroups, "what");
  CHECK(scheduler.Watch()->triggers.size() == 1);
  CHECK(SetAside(scheduler) == Tables{"groups"});
}

TEST_CASE("a prefix delete that cannot be read is set aside, and what it left stays") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  Restart(scheduler, Table::kPrefixDeletes, JobKeyNamed("job"));
  scheduler.RunUntilIdle();
  CHECK(SetAside(scheduler) == Tables{"prefix_deletes"});
  CHECK(scheduler.List() == Tables{"job"});
  CHECK(scheduler.Watch()->triggers.size() == 1);
}

TEST_CASE("a job whose counter was set aside does not look healthy") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1h"}).ok());
  auto watcher = scheduler.Watch();
  scheduler.Advance(absl::Hours(1));
  scheduler.Answer(*watcher, watcher->triggers.at(0).id());
  scheduler.Unwatch(*watcher);
  Damage(scheduler, Table::kCounters, EncodeId(1));
  watcher = scheduler.Watch();
  scheduler.Advance(absl::Hours(1));
  CHECK(watcher->triggers.empty());
  CHECK(SetAside(scheduler) == Tables{"counters"});
  const absl::Status status = scheduler.Get("job").status();
  CHECK(absl::IsDataLoss(status));
  CHECK_THAT(std::string(status.message()), Catch::Contains("overwrite"));
  REQUIRE(scheduler.Schedule("job", {.schedule = "@every 1h"}, /*overwrite=*/true).ok());
  scheduler.Advance(absl::Hours(1));
  CHECK(watcher->triggers.size() == 1);
}

TEST_CASE("a store without its ids or its format says what to do") {
  const char* record = GENERATE(kIdsKey, kFormatKey);
  MemoryStore store;
  FakeClock clock(absl::UnixEpoch());
  Batch damage;
  damage.Put(Table::kMeta, record, kGarbage);
  REQUIRE(store.Write(damage).ok());
  const auto loop = SchedulerLoop::Open(&store, &clock, {});
  CHECK(absl::IsDataLoss(loop.status()));
  CHECK_THAT(std::string(loop.status().message()),
             Catch::Contains(record) && Catch::Contains("restore the data directory"));
}

}  // namespace
}  // namespace belfry
