#include "storage/write_pressure_monitor.h"

#include <optional>
#include <string>

#include "storage/rocksdb_options.h"

namespace belfry {
namespace {

std::optional<size_t> IndexOf(const std::string& column_family) {
  for (int i = 0; i < kTableCount; ++i) {
    if (TableName(static_cast<Table>(i)) == column_family) return static_cast<size_t>(i);
  }
  return std::nullopt;
}

int ReadCount(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* handle, const std::string& property) {
  std::string text;
  if (!db->GetProperty(handle, property, &text)) return 0;
  return std::atoi(text.c_str());
}

}  // namespace

void WritePressureMonitor::Start(rocksdb::DB* db,
                                 const std::vector<rocksdb::ColumnFamilyHandle*>* handles) {
  handles_ = handles;
  db_ = db;
  for (size_t i = 0; i < handles->size(); ++i) Measure(i);
}

WritePressure WritePressureMonitor::pressure() const {
  const bool pressed = loaded_ != 0 || stalled_ != 0 || refused_;
  return pressed ? WritePressure::kRefuseNewWork : WritePressure::kNone;
}

void WritePressureMonitor::OnFlushCompleted(rocksdb::DB* /*db*/,
                                            const rocksdb::FlushJobInfo& info) {
  if (const auto index = IndexOf(info.cf_name)) Measure(*index);
}

void WritePressureMonitor::OnCompactionCompleted(rocksdb::DB* /*db*/,
                                                 const rocksdb::CompactionJobInfo& info) {
  if (const auto index = IndexOf(info.cf_name)) Measure(*index);
}

void WritePressureMonitor::OnMemTableSealed(const rocksdb::MemTableInfo& info) {
  const auto index = IndexOf(info.cf_name);
  if (!index.has_value()) return;
  // Counted here because the database does not yet; the next flush corrects it. This runs on the
  // writer's thread, which must not wait for the database.
  if (++loads_[*index].sealed_memtables >= kSealedMemtablesForPressure) {
    SetBit(&loaded_, *index, true);
  }
}

void WritePressureMonitor::OnStallConditionsChanged(const rocksdb::WriteStallInfo& info) {
  const auto index = IndexOf(info.cf_name);
  if (!index.has_value()) return;
  SetBit(&stalled_, *index, info.condition.cur != rocksdb::WriteStallCondition::kNormal);
}

void WritePressureMonitor::OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                                             rocksdb::Status* /*status*/) {
  // A compaction only leaves things as they are.
  if (reason != rocksdb::BackgroundErrorReason::kCompaction) has_failed_ = true;
}

void WritePressureMonitor::Measure(size_t index) {
  rocksdb::DB* db = db_;
  if (db == nullptr) return;
  rocksdb::ColumnFamilyHandle* handle = (*handles_)[index];
  Load& load = loads_[index];
  load.sealed_memtables = ReadCount(db, handle, rocksdb::DB::Properties::kNumImmutableMemTable);
  load.level0_files = ReadCount(db, handle, rocksdb::DB::Properties::kNumFilesAtLevelPrefix + "0");
  SetBit(&loaded_, index,
         load.sealed_memtables >= kSealedMemtablesForPressure ||
             load.level0_files >= kLevel0FilesForPressure);
}

void WritePressureMonitor::SetBit(std::atomic<unsigned>* bits, size_t index, bool on) {
  const unsigned bit = 1U << index;
  if (on) {
    bits->fetch_or(bit);
  } else {
    bits->fetch_and(~bit);
  }
}

}  // namespace belfry
