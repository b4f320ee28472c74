#pragma once

// Store: ordered tables of byte strings with atomic batches, snapshots, and "written" kept apart
// from "durable". The core owns this interface and everything about keys and records
// (scheduler/store/turn_batch.h); implementations know nothing of jobs. Every implementation passes
// tests/conformance.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace belfry {

// The tables, by role; docs/storage-format.md describes their keys and values.
enum class Table {
  kMeta,           // format version, id reserve
  kGroups,         // group key -> GroupRecord
  kNames,          // job key -> NameRecord
  kJobs,           // job id -> JobRecord
  kCounters,       // job id -> CounterRecord
  kDue,            // group id, time, job id -> empty: the time index
  kPrefixDeletes,  // key prefix -> PrefixDeleteRecord
  kQuarantine,     // table name and key -> bytes that could not be read
};
inline constexpr int kTableCount = 8;

// Short stable name of a table, as used on disk.
std::string_view TableName(Table table);

// Changes that are applied together, in order: a later operation on a key wins.
// Not thread-safe.
class Batch {
 public:
  struct Op {
    Table table;
    bool is_delete;
    std::string key;
    std::string value;  // empty for a delete
  };

  void Put(Table table, std::string key, std::string value);
  void Delete(Table table, std::string key);
  void Clear();

  bool empty() const { return ops_.empty(); }
  // Bytes of all keys and values.
  size_t byte_size() const { return byte_size_; }
  const std::vector<Op>& ops() const { return ops_; }

 private:
  std::vector<Op> ops_;
  size_t byte_size_ = 0;
};

// An unchanging view of the whole store. Must be destroyed before the store.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
};

// A half-open range [begin, end) of one table; an empty `end` means to the last key.
struct KeyRange {
  Table table;
  std::string begin;
  std::string end;
};

// The smallest key that is greater than every key beginning with `prefix`; empty if there is none.
std::string PrefixEnd(std::string_view prefix);

// How near the store is to refusing writes.
enum class WritePressure { kNone, kRefuseNewWork };

// Thread safety: all methods may be called from any thread at once. Writes are applied in the
// order in which calls to Write return.
class Store {
 public:
  // Called for each key in order; returns false to stop. The views are valid during the call only.
  using Visitor = std::function<bool(std::string_view key, std::string_view value)>;

  virtual ~Store() = default;

  // Applies `batch` atomically. On OK it is visible to every later read and survives a crash of
  // the process, but not yet a power cut: see Sync. Never waits for compaction or flushing:
  // returns ResourceExhausted, with nothing applied, where it would have to; the same batch may be
  // written again later. Any other error leaves the outcome unknown; the caller must stop writing.
  virtual absl::Status Write(const Batch& batch) = 0;

  // Makes durable everything whose Write returned before this call began. After an error it is
  // unknown what is durable; the caller must stop writing.
  virtual absl::Status Sync() = 0;

  // The value of a key, or nullopt. Reads the newest state, or `snapshot` if given.
  virtual absl::StatusOr<std::optional<std::string>> Get(
      Table table, std::string_view key, const Snapshot* snapshot = nullptr) const = 0;

  // Visits the keys of a range in ascending byte order.
  virtual absl::Status Scan(const KeyRange& range, const Visitor& visitor,
                            const Snapshot* snapshot = nullptr) const = 0;

  virtual std::unique_ptr<Snapshot> TakeSnapshot() const = 0;

  // Cheap; may be asked on every turn of the loop.
  virtual WritePressure write_pressure() const = 0;

  // Whether there is space for new jobs of `bytes`, which no Write has been told of yet;
  // ResourceExhausted, with figures for whoever asked for the jobs, if not. Says nothing about
  // other changes, which are always worth a try. Cheap; does not wait for the disk.
  virtual absl::Status AdmitNewJobs(size_t bytes) = 0;
};

}  // namespace belfry
