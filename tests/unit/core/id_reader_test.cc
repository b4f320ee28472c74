#include "scheduler/loop/id_reader.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "scheduler/base/limits.h"
#include "scheduler/job/key_codec.h"
#include "storage/memory_store.h"

namespace belfry {
namespace {

using Ids = std::vector<uint64_t>;

// A store that has a row for each id from 1 to `last` that is no multiple of `without`.
void Fill(MemoryStore* store, uint64_t last, uint64_t without) {
  Batch batch;
  for (uint64_t id = 1; id <= last; ++id) {
    if (id % without != 0) batch.Put(Table::kJobs, EncodeId(id), "row " + std::to_string(id));
  }
  REQUIRE(store->Write(batch).ok());
}

// Every id is answered as Get answers it.
void Check(const MemoryStore& store, const Ids& ids, size_t max_bytes) {
  auto reader = IdReader::Open(&store, Table::kJobs, ids, max_bytes);
  REQUIRE(reader.ok());
  for (size_t i = 0; i < ids.size(); ++i) {
    CAPTURE(i, ids[i], max_bytes);
    const auto value = reader->Take(i);
    REQUIRE(value.ok());
    REQUIRE(*value == store.Get(Table::kJobs, EncodeId(ids[i])).value());
  }
}

TEST_CASE("ids are read as if each were looked up") {
  MemoryStore store;
  Fill(&store, 400, 7);
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    const uint64_t largest_gap = 1 + round % (2 * kMaxScannedIdGap);
    Ids ids;
    for (uint64_t id = random() % 20; id < 450; id += random() % (largest_gap + 1)) {
      ids.push_back(id);
      if (ids.size() == 100) break;
    }
    if (round % 3 != 0) std::shuffle(ids.begin(), ids.end(), random);
    Check(store, ids, round % 5 == 0 ? random() % 300 : SIZE_MAX);
  }
}

TEST_CASE("no id, one id, and the largest are read") {
  MemoryStore store;
  Batch batch;
  batch.Put(Table::kJobs, EncodeId(UINT64_MAX), "last");
  REQUIRE(store.Write(batch).ok());
  Check(store, {}, SIZE_MAX);
  Check(store, {UINT64_MAX}, SIZE_MAX);
  Ids ids;
  for (uint64_t i = 0; i < kMinScannedIds; ++i) ids.push_back(UINT64_MAX - i);
  Check(store, ids, SIZE_MAX);
}

TEST_CASE("ids that lie close cost one read, others one each") {
  MemoryStore store;
  Fill(&store, 1000, 7);
  const auto read = [&](const Ids& ids, int reads) {
    store.FailReads(absl::DataLossError("one read more"), reads);
    auto reader = IdReader::Open(&store, Table::kJobs, ids, SIZE_MAX);
    bool ok = reader.ok();
    for (size_t i = 0; ok && i < ids.size(); ++i) ok = reader->Take(i).ok();
    store.FailReads(absl::OkStatus());
    return ok;
  };
  Ids close;
  Ids far;
  for (uint64_t i = 0; i < kMinScannedIds; ++i) {
    close.push_back(1 + i * kMaxScannedIdGap);
    far.push_back(1 + i * (kMaxScannedIdGap + 1));
  }
  CHECK(read(close, 1));
  CHECK_FALSE(read(close, 0));
  CHECK(read(far, static_cast<int>(far.size())));
  CHECK_FALSE(read(far, static_cast<int>(far.size()) - 1));
  close.pop_back();
  CHECK_FALSE(read(close, 1));
}

}  // namespace
}  // namespace belfry
