// Reading many jobs as of one instant, and what was set aside.

#include "scheduler/loop/job_cursor.h"

#include <catch2/catch.hpp>

#include "scheduler/base/limits.h"
#include "scheduler/store/quarantine.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

using Names = std::vector<std::string>;

JobCursor OpenCursor(const Store& store, std::vector<std::string> prefixes) {
  auto cursor = JobCursor::Open(&store, std::move(prefixes));
  REQUIRE(cursor.ok());
  return std::move(cursor).value();
}

Names ReadNames(JobCursor cursor) {
  Names names;
  while (!cursor.done()) {
    const auto chunk = cursor.Next();
    REQUIRE(chunk.ok());
    for (const StoredJob& job : chunk->jobs) names.push_back(job.record.name());
  }
  return names;
}

TEST_CASE("a cursor reads namespaces whole, apps before actors, and no others") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("b", {.due_time = "1h"}).ok());
  scheduler.app = "app2";
  REQUIRE(scheduler.Schedule("a", {.due_time = "1h"}).ok());
  scheduler.actor_type = "Type";
  REQUIRE(scheduler.Schedule("reminder", {.due_time = "1h"}).ok());
  scheduler.actor_type = "";
  scheduler.ns = "ns-1";
  REQUIRE(scheduler.Schedule("other", {.due_time = "1h"}).ok());
  CHECK(ReadNames(OpenCursor(scheduler.store, NamespacePrefixes("ns"))) ==
        Names{"b", "a", "reminder"});
  CHECK(ReadNames(OpenCursor(scheduler.store, NamespacePrefixes("ns-1"))) == Names{"other"});
  CHECK(ReadNames(OpenCursor(scheduler.store, NamespacePrefixes("n"))).empty());
  CHECK(ReadNames(OpenCursor(scheduler.store, NamespacePrefixes(""))).size() == 4);
}

TEST_CASE("a cursor shows one instant, whatever happens meanwhile") {
  ManualScheduler scheduler;
  for (const char* name : {"a", "b", "c"}) {
    REQUIRE(scheduler.Schedule(name, {.due_time = "1h"}).ok());
  }
  JobCursor cursor = OpenCursor(scheduler.store, NamespacePrefixes("ns"));
  REQUIRE(scheduler.Schedule("d", {.due_time = "1h"}).ok());
  REQUIRE(scheduler.DeletePrefix("").ok());
  CHECK(ReadNames(std::move(cursor)) == Names{"a", "b", "c"});
}

TEST_CASE("a cursor leaves out what a prefix delete covers") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("old", {.due_time = "1h"}).ok());
  scheduler.loop->DeletePrefix(NamePrefix(scheduler.Metadata(), "").value(), [](auto) {});
  scheduler.loop->RunOnce();  // the records are still there
  CHECK(ReadNames(OpenCursor(scheduler.store, NamespacePrefixes("ns"))).empty());
  scheduler.RunUntilIdle();
}

TEST_CASE("a cursor reads a bounded number of jobs and bytes at once") {
  ManualScheduler scheduler;
  const bool large = GENERATE(false, true);
  const size_t count = large ? 6 : 2 * kCursorJobs + 1;
  const std::string data(large ? kCursorBytes / 2 + 1 : 1, 'x');
  Names expected;
  for (size_t i = 0; i < count; ++i) {
    expected.push_back("job-" + std::to_string(1000 + i));
    const auto answer = scheduler.Submit(expected.back(), {.due_time = "1h", .data = data});
    REQUIRE_FALSE(answer->has_value());
  }
  scheduler.RunUntilIdle();
  JobCursor cursor = OpenCursor(scheduler.store, NamespacePrefixes("ns"));
  size_t chunks = 0;
  Names names;
  while (!cursor.done()) {
    const auto chunk = cursor.Next();
    REQUIRE(chunk.ok());
    CHECK(chunk->jobs.size() <= (large ? 2 : kCursorJobs));
    for (const StoredJob& job : chunk->jobs) names.push_back(job.record.name());
    ++chunks;
  }
  CHECK(names == expected);
  CHECK(chunks >= 3);
}

TEST_CASE("a job that cannot be read is told of, and the others come") {
  ManualScheduler scheduler;
  for (const char* name : {"a", "b", "c", "d"}) {
    REQUIRE(scheduler.Schedule(name, {.due_time = "1h"}).ok());
  }
  Batch damage;
  damage.Put(Table::kJobs, EncodeId(1), "\xff\xff\xff");
  damage.Delete(Table::kJobs, EncodeId(2));
  damage.Put(Table::kCounters, EncodeId(3), "\xff\xff\xff");
  REQUIRE(scheduler.store.Write(damage).ok());
  JobCursor cursor = OpenCursor(scheduler.store, NamespacePrefixes("ns"));
  const auto chunk = cursor.Next();
  REQUIRE(chunk.ok());
  REQUIRE(chunk->jobs.size() == 1);
  CHECK(chunk->jobs[0].record.name() == "d");
  REQUIRE(chunk->unreadable.size() == 3);
  CHECK(chunk->unreadable[0].name == "app||ns||app||a");
  CHECK(chunk->unreadable[1].error == "the job has no record");
  CHECK(chunk->unreadable[2].job_id == 3);
}

TEST_CASE("what was set aside is told with its reason and its time") {
  ManualScheduler scheduler;
  REQUIRE(scheduler.Schedule("broken", {.due_time = "0s"}).ok());
  Batch damage;
  damage.Put(Table::kJobs, EncodeId(1), "\xff\xff\xff");
  // As a version without notes left it.
  damage.Put(Table::kQuarantine, QuarantineKey(Table::kCounters, EncodeId(7)), "xx");
  REQUIRE(scheduler.store.Write(damage).ok());
  const auto watcher = scheduler.Watch();
  std::vector<QuarantinedRecord> records;
  REQUIRE(ReadQuarantine(scheduler.store, [&](QuarantinedRecord record) {
            records.push_back(std::move(record));
            return true;
          }).ok());
  REQUIRE(records.size() == 2);
  CHECK(records[0].table == "counters");
  CHECK(records[0].key == EncodeId(7));
  CHECK(records[0].bytes == 2);
  CHECK(records[0].reason == "not recorded");
  CHECK_FALSE(records[0].time.has_value());
  CHECK(records[1].table == "jobs");
  CHECK(records[1].key == EncodeId(1));
  CHECK(records[1].bytes == 3);
  CHECK(records[1].reason == "job record of 3 bytes does not parse");
  CHECK(records[1].time == scheduler.clock.Now());
}

}  // namespace
}  // namespace belfry
