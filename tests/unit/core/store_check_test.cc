// The check of a store that lies still: what is whole passes, and each contradiction is found.

#include "scheduler/loop/store_check.h"

#include <catch2/catch.hpp>

#include "scheduler/store/format.h"
#include "scheduler/store/turn_batch.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

bool Never() { return false; }

StoreReport Check(const Store& store) {
  const auto report = CheckStore(store, CheckDepth::kAgree, Never);
  INFO(report.status().ToString());
  REQUIRE(report.ok());
  return *report;
}

// Jobs in every state that a store can hold at rest.
void Fill(ManualScheduler* scheduler) {
  REQUIRE(scheduler->Schedule("a", {.schedule = "@every 1m"}).ok());
  REQUIRE(scheduler->Schedule("b", {.due_time = "1h"}).ok());
  auto watcher = scheduler->Watch();
  scheduler->Advance(absl::Minutes(1));
  scheduler->Answer(*watcher, 1);
  scheduler->Unwatch(*watcher);
  scheduler->actor_type = "Type";
  REQUIRE(scheduler->Schedule("c", {.due_time = "1h", .concurrency_key = "key"}).ok());
  scheduler->actor_type = "";
}

TEST_CASE("a store that is whole passes") {
  ManualScheduler scheduler;
  Fill(&scheduler);
  const StoreReport report = Check(scheduler.store);
  CHECK(report.problems.empty());
  CHECK(report.problem_count == 0);
  CHECK(report.format == kFormatVersion);
  CHECK(report.jobs == 3);
  CHECK(report.left_over == 0);
  CHECK(report.rows_of(Table::kNames) == 3);
  CHECK(report.rows_of(Table::kJobs) == 3);
  CHECK(report.rows_of(Table::kDue) == 3);
  CHECK(report.rows_of(Table::kCounters) == 1);
}

TEST_CASE("a store that nothing was written to passes") {
  MemoryStore store;
  const StoreReport report = Check(store);
  CHECK(report.format == 0);
  CHECK(report.problem_count == 0);
}

TEST_CASE("jobs that wait to be purged are no contradiction") {
  ManualScheduler scheduler;
  Fill(&scheduler);
  scheduler.loop->DeletePrefix(NamePrefix(scheduler.Metadata(), "").value(), [](auto) {});
  scheduler.loop->RunOnce();
  const StoreReport report = Check(scheduler.store);
  CHECK(report.problem_count == 0);
  CHECK(report.jobs == 1);
  CHECK(report.deleted == 2);
  CHECK(report.left_over == 0);
  scheduler.RunUntilIdle();
}

TEST_CASE("a job that was set aside is no contradiction") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("broken", {.due_time = "0s"}).ok());
  Batch damage;
  damage.Put(Table::kJobs, EncodeId(1), "\xff\xff\xff");
  REQUIRE(scheduler.store.Write(damage).ok());
  CHECK(Check(scheduler.store).problem_count == 1);
  const auto watcher = scheduler.Watch();
  const StoreReport report = Check(scheduler.store);
  CHECK(report.problem_count == 0);
  CHECK(report.set_aside == 1);
  CHECK(report.quarantined == 1);
}

TEST_CASE("each contradiction is found and told with the job's name") {
  ManualScheduler scheduler;
  Fill(&scheduler);
  const std::string key_of_b = EncodeJobKey(JobKeyOf(scheduler.Metadata(), "b"));
  Batch damage;
  std::string words;
  SECTION("a record is missing") {
    damage.Delete(Table::kJobs, EncodeId(2));
    words = "app||ns||app||b (id 2): its record is missing";
  }
  SECTION("a record does not parse") {
    damage.Put(Table::kJobs, EncodeId(2), "\xff\xff\xff");
    words = "app||ns||app||b (id 2): job record of 3 bytes does not parse";
  }
  SECTION("a record is another job's") {
    const auto other = scheduler.store.Get(Table::kJobs, EncodeId(1));
    damage.Put(Table::kJobs, EncodeId(2), other->value());
    words = "app||ns||app||b (id 2): its record is that of another job";
  }
  SECTION("an index entry is missing") {
    const auto name = DecodeName(*scheduler.store.Get(Table::kNames, key_of_b).value());
    damage.Delete(Table::kDue, EncodeDue(1, {name->first_due, 2}));
    words = "app||ns||app||b (id 2): its index entry is missing";
  }
  SECTION("a counter does not parse") {
    damage.Put(Table::kCounters, EncodeId(1), "\xff\xff\xff");
    words = "app||ns||app||a (id 1): counter record of 3 bytes does not parse";
  }
  SECTION("a name does not parse") {
    damage.Put(Table::kNames, key_of_b, "\xff\xff\xff");
    words = "app||ns||app||b";
  }
  SECTION("a prefix delete does not parse") {
    damage.Put(Table::kPrefixDeletes, key_of_b, "\xff\xff\xff");
    words = "a prefix delete record";
  }
  SECTION("a group is missing") {
    damage.Delete(Table::kGroups, EncodeGroupKey({TargetKind::kActor, "ns", "Type"}, "key"));
    words = "actorreminder||ns||Type||1||c (id 3): its group is missing";
  }
  SECTION("ids may be given again") {
    storage::v1::IdReserveRecord ids;
    ids.set_next_job_id(3);
    damage.Put(Table::kMeta, kIdsKey, ids.SerializeAsString());
    words = "(id 3): its id may be given again";
  }
  REQUIRE(scheduler.store.Write(damage).ok());
  const StoreReport report = Check(scheduler.store);
  REQUIRE(report.problem_count == 1);
  CHECK_THAT(report.problems.at(0), Catch::Contains(words));
}

TEST_CASE("however many contradictions there are, some are told and all are counted") {
  ManualScheduler scheduler;
  Batch damage;
  for (uint64_t id = 1; id <= 2 * kMaxReportedProblems; ++id) {
    REQUIRE(scheduler.Schedule("job-" + std::to_string(id), {.due_time = "1h"}).ok());
    damage.Delete(Table::kJobs, EncodeId(id));
  }
  REQUIRE(scheduler.store.Write(damage).ok());
  const StoreReport report = Check(scheduler.store);
  CHECK(report.problem_count == 2 * kMaxReportedProblems);
  CHECK(report.problems.size() == kMaxReportedProblems);
}

TEST_CASE("a record that no name leads to is counted, not complained of") {
  ManualScheduler scheduler;
  Fill(&scheduler);
  Batch extra;
  extra.Put(Table::kJobs, EncodeId(99), "anything");
  REQUIRE(scheduler.store.Write(extra).ok());
  const StoreReport report = Check(scheduler.store);
  CHECK(report.problem_count == 0);
  CHECK(report.left_over == 1);
}

TEST_CASE("a store of a newer format is refused, and one that lost its format is damaged") {
  ManualScheduler scheduler;
  Fill(&scheduler);
  storage::v1::FormatRecord format;
  format.set_version(kFormatVersion + 1);
  Batch batch;
  batch.Put(Table::kMeta, kFormatKey, format.SerializeAsString());
  REQUIRE(scheduler.store.Write(batch).ok());
  CHECK(absl::IsFailedPrecondition(CheckStore(scheduler.store, CheckDepth::kRead, Never).status()));
  batch.Clear();
  batch.Delete(Table::kMeta, kFormatKey);
  REQUIRE(scheduler.store.Write(batch).ok());
  CHECK(absl::IsDataLoss(CheckStore(scheduler.store, CheckDepth::kRead, Never).status()));
}

TEST_CASE("a check ends when it is cancelled, and when the store cannot be read") {
  ManualScheduler scheduler;
  Fill(&scheduler);
  const auto cancelled = CheckStore(scheduler.store, CheckDepth::kRead, [] { return true; });
  CHECK(absl::IsCancelled(cancelled.status()));
  scheduler.store.FailReads(absl::DataLossError("bad block"));
  CHECK(absl::IsDataLoss(CheckStore(scheduler.store, CheckDepth::kAgree, Never).status()));
}

}  // namespace
}  // namespace belfry
