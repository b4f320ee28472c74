#pragma once

// GarbageCollector: gives the space of deleted jobs back while a store rests. RocksDB does that
// beside later changes only: a store that has fired everything and then rests would keep its files
// for good.

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "rocksdb/db.h"
#include "scheduler/base/mutex.h"
#include "storage/disk_reserve.h"

namespace belfry {

// Fewer deleted jobs than this are not worth it.
inline constexpr uint64_t kGarbageJobsMin = 10'000;
// A store in which fewer jobs are deleted in so long a time is at rest.
inline constexpr uint64_t kCalmDeletes = 1'000;
inline constexpr absl::Duration kCalmTime = absl::Seconds(10);
// Between two looks whether it is time.
inline constexpr absl::Duration kGarbageInterval = absl::Seconds(2);

// When it pays. Thread safety: none.
class GarbageWatch {
 public:
  // Whether to give space back now. To be called every few seconds with the jobs that were deleted
  // since the store was opened, a count that only grows, those that are stored, which may be an
  // estimate, and the monotonic time. True only if at least as many jobs were deleted since the
  // last time it was true as are stored: what has to be rewritten is never more than what goes.
  bool IsTime(uint64_t deleted, uint64_t stored, absl::Duration now);

 private:
  uint64_t collected_ = 0;
  uint64_t calm_from_ = 0;  // `deleted` when the calm began
  absl::Duration calm_since_ = -absl::InfiniteDuration();
};

// Works on a thread of its own and in RocksDB's; nobody waits for it.
class GarbageCollector {
 public:
  // Borrows everything, which must outlive it. `jobs` is one of the `tables` that it cleans up.
  // Does nothing while `reserve`, which may be null, says that the disk is short of space: to
  // rewrite files takes some first.
  GarbageCollector(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* jobs,
                   std::vector<rocksdb::ColumnFamilyHandle*> tables, const DiskReserve* reserve);
  // Gives up what it is doing.
  ~GarbageCollector();
  GarbageCollector(const GarbageCollector&) = delete;
  GarbageCollector& operator=(const GarbageCollector&) = delete;

  // Thread safety: may be called from any thread.
  void NoteDeleted(uint64_t jobs) { deleted_ += jobs; }

 private:
  void CollectorThreadMain();
  bool IsTime();
  rocksdb::Status Collect();

  rocksdb::DB* const db_;
  rocksdb::ColumnFamilyHandle* const jobs_;
  const std::vector<rocksdb::ColumnFamilyHandle*> tables_;
  const DiskReserve* const reserve_;

  std::atomic<uint64_t> deleted_{0};
  // RocksDB looks at it while it works.
  std::atomic<bool> stopping_{false};
  Mutex mutex_;
  CondVar stopped_{&mutex_};
  GarbageWatch watch_;  // the thread's own
  std::thread thread_;
};

}  // namespace belfry
