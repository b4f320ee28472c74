// The contract of Store, exercised on every implementation.

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/stores.h"

#define TEST_EVERY_STORE(name) \
  TEMPLATE_TEST_CASE(name, "[store]", MemoryStoreFixture, RocksDbStoreFixture)

namespace belfry {
namespace {

using namespace std::string_literals;
using Value = std::optional<std::string>;

TEST_EVERY_STORE("an absent key has no value") {
  TestType fixture;
  REQUIRE(Read(fixture.store(), Table::kJobs, "a") == Value());
  REQUIRE(ReadRange(fixture.store(), {Table::kJobs, "", ""}).empty());
}

TEST_EVERY_STORE("later operations of a batch win") {
  TestType fixture;
  Put(fixture.store(), Table::kJobs, "deleted", "old");
  Batch batch;
  batch.Put(Table::kJobs, "a", "1");
  batch.Put(Table::kJobs, "a", "2");
  batch.Put(Table::kJobs, "b", "1");
  batch.Delete(Table::kJobs, "b");
  batch.Delete(Table::kJobs, "c");
  batch.Put(Table::kJobs, "c", "3");
  batch.Delete(Table::kJobs, "deleted");
  batch.Delete(Table::kJobs, "never there");
  RequireOk(fixture.store().Write(batch));
  REQUIRE(ReadRange(fixture.store(), {Table::kJobs, "", ""}) == Rows{{"a", "2"}, {"c", "3"}});
}

TEST_EVERY_STORE("an empty batch changes nothing") {
  TestType fixture;
  RequireOk(fixture.store().Write(Batch()));
  RequireOk(fixture.store().Sync());
}

TEST_EVERY_STORE("an empty value is not an absent one") {
  TestType fixture;
  Put(fixture.store(), Table::kDue, "a", "");
  REQUIRE(Read(fixture.store(), Table::kDue, "a") == Value(""));
}

TEST_EVERY_STORE("tables are apart") {
  TestType fixture;
  Batch batch;
  for (int i = 0; i < kTableCount; ++i) {
    batch.Put(static_cast<Table>(i), "key", std::string(TableName(static_cast<Table>(i))));
  }
  RequireOk(fixture.store().Write(batch));
  for (int i = 0; i < kTableCount; ++i) {
    const Table table = static_cast<Table>(i);
    REQUIRE(Read(fixture.store(), table, "key") == Value(std::string(TableName(table))));
    REQUIRE(ReadRange(fixture.store(), {table, "", ""}).size() == 1);
  }
}

TEST_EVERY_STORE("a snapshot does not see later writes") {
  TestType fixture;
  Store& store = fixture.store();
  Put(store, Table::kJobs, "changed", "old");
  Put(store, Table::kJobs, "deleted", "old");
  const auto snapshot = store.TakeSnapshot();
  Batch batch;
  batch.Put(Table::kJobs, "changed", "new");
  batch.Delete(Table::kJobs, "deleted");
  batch.Put(Table::kJobs, "added", "new");
  RequireOk(store.Write(batch));
  RequireOk(store.Sync());

  const Rows before{{"changed", "old"}, {"deleted", "old"}};
  const Rows after{{"added", "new"}, {"changed", "new"}};
  REQUIRE(ReadRange(store, {Table::kJobs, "", ""}, snapshot.get()) == before);
  REQUIRE(ReadRange(store, {Table::kJobs, "", ""}) == after);
  REQUIRE(Read(store, Table::kJobs, "changed", snapshot.get()) == Value("old"));
  REQUIRE(Read(store, Table::kJobs, "added", snapshot.get()) == Value());
}

TEST_EVERY_STORE("snapshots of different times live side by side") {
  TestType fixture;
  Store& store = fixture.store();
  std::vector<std::unique_ptr<Snapshot>> snapshots;
  for (int i = 0; i < 5; ++i) {
    Put(store, Table::kCounters, "key", std::to_string(i));
    snapshots.push_back(store.TakeSnapshot());
    RequireOk(store.Sync());
  }
  snapshots[1].reset();
  Put(store, Table::kCounters, "key", "last");
  for (const size_t i : {size_t{0}, size_t{2}, size_t{3}, size_t{4}}) {
    REQUIRE(Read(store, Table::kCounters, "key", snapshots[i].get()) == Value(std::to_string(i)));
  }
}

TEST_EVERY_STORE("a scan keeps to its bounds and order") {
  TestType fixture;
  Store& store = fixture.store();
  for (const char* key : {"d", "b", "a", "c", "bb"}) Put(store, Table::kNames, key, key);
  const auto keys = [&](const std::string& begin, const std::string& end) {
    std::string joined;
    for (const auto& [key, value] : ReadRange(store, {Table::kNames, begin, end})) {
      joined += key + " ";
    }
    return joined;
  };
  REQUIRE(keys("", "") == "a b bb c d ");
  REQUIRE(keys("b", "d") == "b bb c ");
  REQUIRE(keys("b\0"s, "") == "bb c d ");
  REQUIRE(keys("", "b") == "a ");
  REQUIRE(keys("b", "b") == "");
  REQUIRE(keys("d", "b") == "");
  REQUIRE(keys("e", "") == "");
}

TEST_EVERY_STORE("a scan stops when told") {
  TestType fixture;
  for (const char* key : {"a", "b", "c"}) Put(fixture.store(), Table::kNames, key, "");
  REQUIRE(ReadRange(fixture.store(), {Table::kNames, "", ""}, nullptr, 2).size() == 2);
}

TEST_EVERY_STORE("a scan of many rows sees each once and none that is written meanwhile") {
  TestType fixture;
  Store& store = fixture.store();
  constexpr int kRows = 1000;
  const auto key_of = [](int number) { return std::to_string(10000 + number); };
  Batch batch;
  for (int i = 0; i < kRows; ++i) batch.Put(Table::kDue, key_of(2 * i), "old");
  RequireOk(store.Write(batch));
  int seen = 0;
  RequireOk(store.Scan({Table::kDue, "", ""}, [&](std::string_view key, std::string_view value) {
    REQUIRE(key == key_of(2 * seen));
    REQUIRE(value == "old");
    ++seen;
    Batch change;
    change.Put(Table::kDue, key_of(2 * seen + 1), "new");
    change.Put(Table::kDue, key_of(2 * seen), "new");
    RequireOk(store.Write(change));
    return true;
  }));
  REQUIRE(seen == kRows);
}

TEST_EVERY_STORE("keys are ordered as unsigned bytes") {
  TestType fixture;
  Store& store = fixture.store();
  const std::vector<std::string> ordered{"\0"s,       "\0\0"s, "\0\x01"s, "\0\xff"s, "a",
                                         "a\0"s,      "a\x7f", "a\x80",   "a\xff",   "a\xff\xff",
                                         "\x80\x00"s, "\xfe",  "\xff",    "\xff\0"s, "\xff\xff"};
  for (size_t i = ordered.size(); i > 0; --i) {
    Put(store, Table::kNames, ordered[i - 1], ordered[i - 1] + "\0\xff"s);
  }
  const Rows rows = ReadRange(store, {Table::kNames, "", ""});
  REQUIRE(rows.size() == ordered.size());
  for (size_t i = 0; i < ordered.size(); ++i) {
    REQUIRE(rows[i].first == ordered[i]);
    REQUIRE(rows[i].second == ordered[i] + "\0\xff"s);
  }
  REQUIRE(ReadRange(store, {Table::kNames, "a", PrefixEnd("a")}).size() == 6);
  REQUIRE(ReadRange(store, {Table::kNames, "a\xff", PrefixEnd("a\xff")}).size() == 2);
  REQUIRE(ReadRange(store, {Table::kNames, "\xff", PrefixEnd("\xff")}).size() == 3);
}

TEST_EVERY_STORE("what is written is visible before it is durable") {
  TestType fixture;
  Put(fixture.store(), Table::kJobs, "a", "1");
  REQUIRE(Read(fixture.store(), Table::kJobs, "a") == Value("1"));
}

TEST_EVERY_STORE("what is synced is there after a restart") {
  TestType fixture;
  Put(fixture.store(), Table::kJobs, "kept", "1");
  Put(fixture.store(), Table::kJobs, "changed", "1");
  Put(fixture.store(), Table::kDue, "deleted", "1");
  RequireOk(fixture.store().Sync());
  Batch batch;
  batch.Put(Table::kJobs, "changed", "2");
  batch.Delete(Table::kDue, "deleted");
  RequireOk(fixture.store().Write(batch));
  RequireOk(fixture.store().Sync());
  for (int i = 0; i < 3; ++i) {
    fixture.Restart();
    const Rows jobs{{"changed", "2"}, {"kept", "1"}};
    REQUIRE(ReadRange(fixture.store(), {Table::kJobs, "", ""}) == jobs);
    REQUIRE(ReadRange(fixture.store(), {Table::kDue, "", ""}).empty());
    Put(fixture.store(), Table::kCounters, std::to_string(i), "");
    RequireOk(fixture.store().Sync());
    REQUIRE(ReadRange(fixture.store(), {Table::kCounters, "", ""}).size() ==
            static_cast<size_t>(i + 1));
  }
}

TEST_EVERY_STORE("large values") {
  TestType fixture;
  std::string large(size_t{1} << 20, 'x');
  large[12345] = '\0';
  Batch batch;
  batch.Put(Table::kJobs, "a", large);
  batch.Put(Table::kJobs, "b", large + "y");
  REQUIRE(batch.byte_size() == 2 * large.size() + 3);
  RequireOk(fixture.store().Write(batch));
  RequireOk(fixture.store().Sync());
  fixture.Restart();
  REQUIRE(Read(fixture.store(), Table::kJobs, "a") == Value(large));
  REQUIRE(Read(fixture.store(), Table::kJobs, "b") == Value(large + "y"));
}

TEST_EVERY_STORE("a batch is visible as a whole or not at all") {
  TestType fixture;
  Store& store = fixture.store();
  constexpr int kBatches = 2000;
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::atomic<int> backwards{0};
  std::thread reader([&] {
    int last = 0;
    while (!done) {
      const auto snapshot = store.TakeSnapshot();
      // Catch2's assertions are for one thread only: count, and check at the end.
      const auto job = store.Get(Table::kJobs, "a", snapshot.get());
      const auto due = store.Get(Table::kDue, "z", snapshot.get());
      if (!job.ok() || !due.ok() || *job != *due) ++torn;
      const int number = job.ok() && job->has_value() ? std::stoi(**job) : 0;
      if (number < last) ++backwards;
      last = number;
    }
  });
  for (int i = 1; i <= kBatches; ++i) {
    Batch batch;
    batch.Put(Table::kJobs, "a", std::to_string(i));
    batch.Put(Table::kDue, "z", std::to_string(i));
    RequireOk(store.Write(batch));
  }
  done = true;
  reader.join();
  REQUIRE(torn == 0);
  REQUIRE(backwards == 0);
}

TEST_EVERY_STORE("writers and syncs run side by side") {
  TestType fixture;
  Store& store = fixture.store();
  constexpr int kWriters = 3;
  constexpr int kWrites = 500;
  std::atomic<int> errors{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int writer = 0; writer < kWriters; ++writer) {
    threads.emplace_back([&, writer] {
      for (int i = 0; i < kWrites; ++i) {
        Batch batch;
        batch.Put(Table::kJobs, std::to_string(writer) + "/" + std::to_string(i), "value");
        if (!store.Write(batch).ok()) ++errors;
      }
    });
  }
  std::thread syncer([&] {
    while (!done) {
      if (!store.Sync().ok()) ++errors;
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  syncer.join();
  REQUIRE(errors == 0);
  RequireOk(store.Sync());
  fixture.Restart();
  REQUIRE(ReadRange(fixture.store(), {Table::kJobs, "", ""}).size() == kWriters * kWrites);
}

TEST_EVERY_STORE("an idle store is not under pressure") {
  TestType fixture;
  Put(fixture.store(), Table::kJobs, "a", "1");
  REQUIRE(fixture.store().write_pressure() == WritePressure::kNone);
}

TEST_CASE("PrefixEnd is the smallest key behind all with the prefix", "[store]") {
  REQUIRE(PrefixEnd("a") == "b");
  REQUIRE(PrefixEnd("ab") == "ac");
  REQUIRE(PrefixEnd("a\xff") == "b");
  REQUIRE(PrefixEnd("a\xff\xff") == "b");
  REQUIRE(PrefixEnd("a\x7f") == "a\x80");
  REQUIRE(PrefixEnd("\0"s) == "\x01");
  REQUIRE(PrefixEnd("\xff\xff").empty());
  REQUIRE(PrefixEnd("").empty());
}

}  // namespace
}  // namespace belfry
