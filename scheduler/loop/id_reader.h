#pragma once

// IdReader: what one table holds for each of many job ids. Jobs that are due together were often
// stored together, and then have ids that lie close: one scan reads them for a fraction of what it
// costs to look each up.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/store/store.h"

namespace belfry {

// Not thread-safe.
class IdReader {
 public:
  // Reads ahead what scans can fetch, until that is `max_bytes`. `store` is borrowed. `table` has
  // job ids as keys.
  static absl::StatusOr<IdReader> Open(const Store* store, Table table, std::vector<uint64_t> ids,
                                       size_t max_bytes);

  // What the table holds, or held since Open, for ids[i]; nullopt if nothing. REQUIRES: called once
  // for an i.
  absl::StatusOr<std::optional<std::string>> Take(size_t i);

 private:
  struct Value {
    bool is_known = false;
    std::optional<std::string> bytes;
  };

  IdReader(const Store* store, Table table, std::vector<uint64_t> ids)
      : store_(store), table_(table), ids_(std::move(ids)), values_(ids_.size()) {}

  // Reads the ids of order[begin, end), which ascend, until `max_bytes` have been read.
  absl::Status ScanRun(const std::vector<size_t>& order, size_t begin, size_t end,
                       size_t max_bytes);

  const Store* store_;
  Table table_;
  std::vector<uint64_t> ids_;
  std::vector<Value> values_;  // of ids_
  size_t read_bytes_ = 0;
};

}  // namespace belfry
