#pragma once

// BlockingStore: a MemoryStore whose calls of one kind wait as long as a test wants, like those of
// a disk that hangs.

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "storage/memory_store.h"

namespace belfry {

// Thread safety: all methods may be called from any thread. REQUIRES: nothing is blocked when what
// uses the store ends.
class BlockingStore final : public MemoryStore {
 public:
  absl::Status Write(const Batch& batch) override {
    Wait(block_writes_);
    return MemoryStore::Write(batch);
  }
  absl::StatusOr<std::optional<std::string>> Get(
      Table table, std::string_view key, const Snapshot* snapshot = nullptr) const override {
    if (table == Table::kJobs) Wait(block_loads_);
    return MemoryStore::Get(table, key, snapshot);
  }
  absl::Status Scan(const KeyRange& range, const Visitor& visitor,
                    const Snapshot* snapshot = nullptr) const override {
    Wait(block_scans_);
    return MemoryStore::Scan(range, visitor, snapshot);
  }

  void BlockWrites(bool block) { Set(&block_writes_, block); }
  // Reads of jobs.
  void BlockLoads(bool block) { Set(&block_loads_, block); }
  void BlockScans(bool block) { Set(&block_scans_, block); }
  void Unblock() {
    BlockWrites(false);
    BlockLoads(false);
    BlockScans(false);
  }

 private:
  void Wait(const bool& blocked) const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !blocked; });
  }
  void Set(bool* blocked, bool value) {
    const std::lock_guard lock(mutex_);
    *blocked = value;
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;  // signalled by every change of what is blocked
  bool block_writes_ = false;                // guarded by mutex_, as the next two
  bool block_loads_ = false;
  bool block_scans_ = false;
};

}  // namespace belfry
