#pragma once

// MemoryStore: a Store in memory, for tests and simulation. It keeps several versions of each row,
// so snapshots are exact and "written" and "durable" are two different states: LosePower() returns
// to the durable one. Errors and write pressure can be injected.

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/base/mutex.h"
#include "scheduler/store/store.h"

namespace belfry {

// Thread safety: as Store; the methods for tests may be called from any thread too. A visitor of
// Scan may call the store.
class MemoryStore : public Store {
 public:
  MemoryStore() = default;
  // REQUIRES: all snapshots are gone.
  ~MemoryStore() override;
  MemoryStore(const MemoryStore&) = delete;
  MemoryStore& operator=(const MemoryStore&) = delete;

  absl::Status Write(const Batch& batch) override;
  absl::Status Sync() override;
  absl::StatusOr<std::optional<std::string>> Get(Table table, std::string_view key,
                                                 const Snapshot* snapshot = nullptr) const override;
  absl::Status Scan(const KeyRange& range, const Visitor& visitor,
                    const Snapshot* snapshot = nullptr) const override;
  std::unique_ptr<Snapshot> TakeSnapshot() const override;
  WritePressure write_pressure() const override;
  absl::Status AdmitNewJobs(size_t bytes) override;

  // Forgets everything that was written after the last successful Sync, as a power cut would. The
  // injected faults stay. REQUIRES: no snapshot is held and no Scan is running.
  void LosePower();

  // From now on, after `calls_before` more calls that work, every Write (Sync, Get and its like)
  // returns `status` and changes nothing; an OK status ends this.
  void FailWrites(absl::Status status, int calls_before = 0);
  void FailSyncs(absl::Status status, int calls_before = 0);
  void FailReads(absl::Status status, int calls_before = 0);

  // What write_pressure() reports; does not itself refuse anything.
  void set_write_pressure(WritePressure pressure);
  // What AdmitNewJobs returns for jobs of more than `bytes`.
  void RefuseNewJobs(absl::Status status, size_t bytes = 0);

 private:
  class Pin;

  // One state of a row; no value means deleted.
  struct Version {
    uint64_t sequence;
    std::optional<std::string> value;
  };
  // Never empty, ascending by sequence.
  using Versions = std::vector<Version>;
  using Rows = std::map<std::string, Versions, std::less<>>;

  // A row that has, or had, a version of that sequence.
  struct Change {
    uint64_t sequence;
    Table table;
    std::string key;
  };

  struct Fault {
    absl::Status status;
    int calls_before = 0;

    absl::Status NextCall();
  };

  static const std::string* ValueAt(const Versions& versions, uint64_t sequence);
  const Rows& rows(Table table) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Rows& rows(Table table) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t SequenceOf(const Snapshot* snapshot) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Apply(const Batch::Op& op) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Drops versions that neither a snapshot nor LosePower can ask for.
  void Prune() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::array<Rows, kTableCount> tables_ ABSL_GUARDED_BY(mutex_);
  // Sequence of the newest batch, and of the newest that a Sync covered. One batch, one sequence.
  uint64_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t durable_ ABSL_GUARDED_BY(mutex_) = 0;
  // Sequences that snapshots and running scans read at.
  mutable std::multiset<uint64_t> pinned_ ABSL_GUARDED_BY(mutex_);
  // Rows that Prune has not settled yet, in order of writing.
  std::deque<Change> changes_ ABSL_GUARDED_BY(mutex_);
  Fault write_fault_ ABSL_GUARDED_BY(mutex_);
  Fault sync_fault_ ABSL_GUARDED_BY(mutex_);
  mutable Fault read_fault_ ABSL_GUARDED_BY(mutex_);
  WritePressure write_pressure_ ABSL_GUARDED_BY(mutex_) = WritePressure::kNone;
  absl::Status admission_ ABSL_GUARDED_BY(mutex_);
  size_t admitted_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace belfry
