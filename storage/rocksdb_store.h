#pragma once

// RocksDbStore: the Store on disk, one column family per table.
//
// Write appends to the log without waiting for the disk and refuses where RocksDB would wait;
// Sync makes the log durable beside running writes. After a kill everything written is there;
// after a power cut everything synced. Opening reads the logs first and refuses damage that would
// cost durable changes, see storage/wal_check.h.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/db.h"
#include "scheduler/store/store.h"
#include "storage/data_directory.h"
#include "storage/disk_reserve.h"
#include "storage/garbage_collector.h"
#include "storage/reserve_file_system.h"
#include "storage/write_pressure_monitor.h"

namespace belfry {

// Thread safety: as Store. A visitor of Scan may call the store.
class RocksDbStore : public Store {
 public:
  struct Options {
    // The directory; made if absent, owned by this store while it is open.
    std::string path;
    // For tests that take the power away: what RocksDB reaches its files through. Borrowed; null
    // means the machine's.
    rocksdb::Env* env = nullptr;
    // The part of the disk that new jobs must leave free; nullopt: none, and nothing is measured.
    std::optional<DiskReserveOptions> reserve = {};
    // Whether the space of deleted jobs is given back while the store rests. Off where a test says
    // what happens when.
    bool collects_garbage = false;
  };

  // Opens the store, and creates it in an empty directory. FailedPrecondition if the directory is
  // in use, holds other data or tables that this version does not know; DataLoss if durable
  // changes would be lost; else an error that names the path. Logs a torn end of the log.
  static absl::StatusOr<std::unique_ptr<RocksDbStore>> Open(const Options& options);

  // Opens a store that is there for reading, and changes nothing in its directory. Write and Sync
  // fail. NotFound if there is none; FailedPrecondition if a scheduler is running on it or it holds
  // tables that this version does not know; DataLoss if it is damaged. A torn end of the log is
  // left where it is; what it held is not seen.
  static absl::StatusOr<std::unique_ptr<RocksDbStore>> OpenReadOnly(const std::string& path);

  // Makes a copy of the store in the directory `path`, which must not be there yet, in one that is.
  // The copy holds everything that was written before the call, and beginnings of what is written
  // meanwhile. Table files are hard links where the file system allows it. Nobody waits for it.
  // After an error nothing of it is left.
  absl::Status Checkpoint(const std::string& path) const;

  const std::string& path() const { return directory_->path(); }
  // As DataDirectory::IsInPlace.
  bool IsInPlace() const { return directory_->IsInPlace(); }

  // Keeps all that was written. REQUIRES: all snapshots are gone and no call is running.
  ~RocksDbStore() override;
  RocksDbStore(const RocksDbStore&) = delete;
  RocksDbStore& operator=(const RocksDbStore&) = delete;

  absl::Status Write(const Batch& batch) override;
  absl::Status Sync() override;
  absl::StatusOr<std::optional<std::string>> Get(Table table, std::string_view key,
                                                 const Snapshot* snapshot = nullptr) const override;
  absl::Status Scan(const KeyRange& range, const Visitor& visitor,
                    const Snapshot* snapshot = nullptr) const override;
  std::unique_ptr<Snapshot> TakeSnapshot() const override;
  WritePressure write_pressure() const override { return monitor_->pressure(); }
  absl::Status AdmitNewJobs(size_t bytes) override {
    return reserve_ == nullptr ? absl::OkStatus() : reserve_->Admit(bytes);
  }

  // Null if the store was opened without.
  const DiskReserve* reserve() const { return reserve_.get(); }

  // Waits until no memtable is being flushed or about to be, or something has failed;
  // DeadlineExceeded if that takes longer than `limit`. For tests in which calls fail: a sync that
  // meets the failure of a flush halfway makes RocksDB abort.
  absl::Status WaitForFlushes(absl::Duration limit) const;

 private:
  explicit RocksDbStore(std::unique_ptr<DataDirectory> directory);

  absl::Status OpenDatabase(rocksdb::Env* env);
  absl::Status OpenReserve(DiskReserveOptions options, rocksdb::Env* env);
  // Has RocksDB give back the space of deleted jobs, beside everything else; by itself it does so
  // only after enough other changes. Called on the reserve's thread, now and then, while the disk
  // is short of space.
  void Reclaim();
  void StartCollector();
  bool has_failed() const;
  bool IsFlushing() const;
  rocksdb::ColumnFamilyHandle* handle(Table table) const;

  absl::Status OpenDatabaseReadOnly();

  // Constant after Open.
  const std::unique_ptr<DataDirectory> directory_;
  bool read_only_ = false;
  const std::shared_ptr<WritePressureMonitor> monitor_;
  // Null if no part of the disk is kept free; so are the two below.
  std::unique_ptr<DiskReserve> reserve_;
  std::shared_ptr<CompactionFiles> compaction_files_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  // In order of Table.
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;
  rocksdb::ColumnFamilyHandle* unused_handle_ = nullptr;

  // Null if it is not wanted.
  std::unique_ptr<GarbageCollector> collector_;
  // Whether jobs were deleted since the last Reclaim.
  std::atomic<bool> has_deleted_jobs_{false};
  // A write or sync has failed: nobody knows what is on disk, and nothing more is written.
  std::atomic<bool> has_failed_{false};
  // Reclaim's own.
  int reclaim_passes_ = 0;
};

}  // namespace belfry
