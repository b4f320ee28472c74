// What only the MemoryStore offers: power cuts and faults on demand.

#include <string>

#include "tests/conformance/stores.h"

namespace belfry {
namespace {

using Value = std::optional<std::string>;

TEST_CASE("a power cut undoes what was not synced", "[memory]") {
  MemoryStore store;
  Put(store, Table::kJobs, "changed", "1");
  Put(store, Table::kJobs, "deleted", "1");
  RequireOk(store.Sync());
  Batch batch;
  batch.Put(Table::kJobs, "added", "2");
  batch.Put(Table::kJobs, "changed", "2");
  batch.Delete(Table::kJobs, "deleted");
  RequireOk(store.Write(batch));
  Put(store, Table::kJobs, "changed", "3");
  store.LosePower();
  const Rows before{{"changed", "1"}, {"deleted", "1"}};
  REQUIRE(ReadRange(store, {Table::kJobs, "", ""}) == before);

  Put(store, Table::kJobs, "changed", "4");
  RequireOk(store.Sync());
  store.LosePower();
  REQUIRE(Read(store, Table::kJobs, "changed") == Value("4"));
}

TEST_CASE("a synced delete stays deleted after a power cut", "[memory]") {
  MemoryStore store;
  Put(store, Table::kJobs, "a", "1");
  RequireOk(store.Sync());
  Batch batch;
  batch.Delete(Table::kJobs, "a");
  RequireOk(store.Write(batch));
  RequireOk(store.Sync());
  Put(store, Table::kJobs, "a", "2");
  store.LosePower();
  REQUIRE(Read(store, Table::kJobs, "a") == Value());
}

TEST_CASE("a snapshot taken before a sync outlives it", "[memory]") {
  MemoryStore store;
  Put(store, Table::kJobs, "a", "1");
  auto snapshot = store.TakeSnapshot();
  Batch batch;
  batch.Delete(Table::kJobs, "a");
  RequireOk(store.Write(batch));
  RequireOk(store.Sync());
  REQUIRE(Read(store, Table::kJobs, "a", snapshot.get()) == Value("1"));
  snapshot.reset();
  RequireOk(store.Sync());
  REQUIRE(Read(store, Table::kJobs, "a") == Value());
}

TEST_CASE("writes fail on demand and change nothing", "[memory]") {
  MemoryStore store;
  Batch batch;
  batch.Put(Table::kJobs, "a", "1");
  store.FailWrites(absl::ResourceExhaustedError("stall"), /*calls_before=*/1);
  RequireOk(store.Write(batch));
  Batch refused;
  refused.Put(Table::kJobs, "b", "1");
  REQUIRE(absl::IsResourceExhausted(store.Write(refused)));
  REQUIRE(absl::IsResourceExhausted(store.Write(refused)));
  REQUIRE(Read(store, Table::kJobs, "b") == Value());
  store.FailWrites(absl::OkStatus());
  RequireOk(store.Write(refused));
  REQUIRE(Read(store, Table::kJobs, "b") == Value("1"));
}

TEST_CASE("a failed sync makes nothing durable", "[memory]") {
  MemoryStore store;
  Put(store, Table::kJobs, "a", "1");
  store.FailSyncs(absl::InternalError("disk"));
  REQUIRE(absl::IsInternal(store.Sync()));
  store.LosePower();
  REQUIRE(Read(store, Table::kJobs, "a") == Value());
}

TEST_CASE("reads fail on demand", "[memory]") {
  MemoryStore store;
  const auto visitor = [](std::string_view, std::string_view) { return true; };
  store.FailReads(absl::DataLossError("block"));
  REQUIRE(absl::IsDataLoss(store.Get(Table::kJobs, "a").status()));
  REQUIRE(absl::IsDataLoss(store.Scan({Table::kJobs, "", ""}, visitor)));
  store.FailReads(absl::OkStatus());
  RequireOk(store.Get(Table::kJobs, "a").status());
}

TEST_CASE("write pressure is what the test says", "[memory]") {
  MemoryStore store;
  store.set_write_pressure(WritePressure::kRefuseNewWork);
  REQUIRE(store.write_pressure() == WritePressure::kRefuseNewWork);
  Put(store, Table::kJobs, "a", "1");
}

}  // namespace
}  // namespace belfry
