#include "storage/garbage_collector.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "rocksdb/options.h"
#include "spdlog/spdlog.h"

namespace belfry {

bool GarbageWatch::IsTime(uint64_t deleted, uint64_t stored, absl::Duration now) {
  const bool is_first = calm_since_ == -absl::InfiniteDuration();
  if (is_first || deleted - calm_from_ >= kCalmDeletes) {
    calm_from_ = deleted;
    calm_since_ = now;
  }
  if (now - calm_since_ < kCalmTime) return false;
  // A slow flow of deletes is calm for ever, as long as each stretch of it is.
  calm_from_ = deleted;
  calm_since_ = now;
  if (deleted - collected_ < std::max(kGarbageJobsMin, stored)) return false;
  collected_ = deleted;
  return true;
}

GarbageCollector::GarbageCollector(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* jobs,
                                   std::vector<rocksdb::ColumnFamilyHandle*> tables,
                                   const DiskReserve* reserve)
    : db_(db), jobs_(jobs), tables_(std::move(tables)), reserve_(reserve) {
  thread_ = std::thread([this] { CollectorThreadMain(); });
}

GarbageCollector::~GarbageCollector() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stopped_.SignalAll();
  }
  thread_.join();
}

void GarbageCollector::CollectorThreadMain() {
  while (!stopping_) {
    if (IsTime()) {
      const rocksdb::Status status = Collect();
      // It only means that the space is not given back this time.
      if (!status.ok() && !stopping_) {
        spdlog::warn("the space of deleted jobs is not given back error=\"{}\"", status.ToString());
      }
    }
    MutexLock lock(&mutex_);
    // A wait that ends too early looks too early, which does no harm.
    if (!stopping_) stopped_.WaitFor(kGarbageInterval);
  }
}

bool GarbageCollector::IsTime() {
  if (reserve_ != nullptr && reserve_->is_short()) return false;
  uint64_t stored = 0;
  db_->GetIntProperty(jobs_, rocksdb::DB::Properties::kEstimateNumKeys, &stored);
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return watch_.IsTime(deleted_, stored, absl::FromChrono(now));
}

rocksdb::Status GarbageCollector::Collect() {
  // The log can go when no table needs it any more.
  rocksdb::Status status = db_->Flush(rocksdb::FlushOptions(), tables_);
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.canceled = &stopping_;
  for (rocksdb::ColumnFamilyHandle* const table : tables_) {
    if (!status.ok() || stopping_) break;
    status = db_->CompactRange(options, table, nullptr, nullptr);
  }
  return status;
}

}  // namespace belfry
