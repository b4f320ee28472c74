#pragma once

// The two stores behind one shape, so that a test of the contract is written once:
//   TEMPLATE_TEST_CASE("...", "[store]", MemoryStoreFixture, RocksDbStoreFixture)

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/store/store.h"
#include "storage/memory_store.h"
#include "storage/rocksdb_store.h"
#include "tests/support/temp_dir.h"

namespace belfry {

inline void RequireOk(const absl::Status& status) {
  INFO(status.ToString());
  REQUIRE(status.ok());
}

class MemoryStoreFixture {
 public:
  Store& store() { return store_; }
  // Ends the process in a way that loses whatever is not durable.
  void Restart() { store_.LosePower(); }

 private:
  MemoryStore store_;
};

class RocksDbStoreFixture {
 public:
  RocksDbStoreFixture() { Open(); }

  Store& store() { return *store_; }
  void Restart() {
    store_.reset();
    Open();
  }

 private:
  void Open() {
    auto opened = RocksDbStore::Open({directory_ / "data"});
    RequireOk(opened.status());
    store_ = std::move(opened).value();
  }

  TempDir directory_;
  std::unique_ptr<RocksDbStore> store_;
};

// The value of a key; nullopt if absent. Fails the test on an error.
inline std::optional<std::string> Read(const Store& store, Table table, const std::string& key,
                                       const Snapshot* snapshot = nullptr) {
  auto value = store.Get(table, key, snapshot);
  RequireOk(value.status());
  return std::move(value).value();
}

using Rows = std::vector<std::pair<std::string, std::string>>;

// All rows of a range, at most `limit`. Fails the test on an error.
inline Rows ReadRange(const Store& store, const KeyRange& range, const Snapshot* snapshot = nullptr,
                      size_t limit = SIZE_MAX) {
  Rows rows;
  RequireOk(store.Scan(
      range,
      [&](std::string_view key, std::string_view value) {
        rows.emplace_back(key, value);
        return rows.size() < limit;
      },
      snapshot));
  return rows;
}

// Writes one row. Fails the test on an error.
inline void Put(Store& store, Table table, const std::string& key, const std::string& value) {
  Batch batch;
  batch.Put(table, key, value);
  RequireOk(store.Write(batch));
}

}  // namespace belfry
