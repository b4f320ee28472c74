#pragma once

// WritePressureMonitor: hears of flushes, compactions and stalls from RocksDB and tells how near
// the database is to refusing writes.

#include <array>
#include <atomic>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/listener.h"
#include "scheduler/store/store.h"

namespace belfry {

// Thread safety: all methods may be called from any thread at once.
class WritePressureMonitor : public rocksdb::EventListener {
 public:
  // Starts the count of files and memtables; `handles` has one entry per table, in order of Table,
  // and must outlive all background work of its database.
  void Start(rocksdb::DB* db, const std::vector<rocksdb::ColumnFamilyHandle*>* handles);

  // Notes whether the last write was refused because of a stall.
  void NoteWrite(bool refused) {
    if (refused_.load(std::memory_order_relaxed) != refused) refused_ = refused;
  }

  // Reads three atomics.
  WritePressure pressure() const;

  void OnFlushCompleted(rocksdb::DB* db, const rocksdb::FlushJobInfo& info) override;
  void OnCompactionCompleted(rocksdb::DB* db, const rocksdb::CompactionJobInfo& info) override;
  void OnMemTableSealed(const rocksdb::MemTableInfo& info) override;
  void OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) override;
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* status) override;

  // Whether something in the background has failed after which nothing can be written any more.
  bool has_failed() const { return has_failed_; }

 private:
  // The part of a table's state that leads to a stall.
  struct Load {
    std::atomic<int> sealed_memtables{0};
    std::atomic<int> level0_files{0};
  };

  void Measure(size_t index);
  void SetBit(std::atomic<unsigned>* bits, size_t index, bool on);

  std::atomic<rocksdb::DB*> db_{nullptr};
  // Set before db_, constant afterwards.
  const std::vector<rocksdb::ColumnFamilyHandle*>* handles_ = nullptr;
  std::array<Load, kTableCount> loads_;
  // One bit per table.
  std::atomic<unsigned> loaded_{0};
  std::atomic<unsigned> stalled_{0};
  std::atomic<bool> refused_{false};
  std::atomic<bool> has_failed_{false};
};

}  // namespace belfry
