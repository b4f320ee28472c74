#include "storage/rocksdb_options.h"

#include <algorithm>
#include <utility>

#include "rocksdb/filter_policy.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"
#include "rocksdb/utilities/table_properties_collectors.h"
#include "rocksdb/write_buffer_manager.h"

namespace belfry {
namespace {

constexpr size_t kBusyMemtableBytes = size_t{8} << 20;
constexpr size_t kQuietMemtableBytes = size_t{1} << 20;
constexpr size_t kUnusedMemtableBytes = size_t{64} << 10;
constexpr int kBackgroundJobs = 2;
constexpr int kOpenFilesMax = 256;
constexpr size_t kManifestBytesMax = size_t{16} << 20;
constexpr uint64_t kWritebackBytes = uint64_t{1} << 20;
constexpr uint64_t kTableFileBytes = uint64_t{32} << 20;
constexpr uint64_t kLevelBaseBytes = uint64_t{64} << 20;
constexpr size_t kBlockBytes = size_t{8} << 10;
constexpr double kBloomBitsPerKey = 10;
// What the keys of one group begin with in the index, see scheduler/job/key_codec.h.
constexpr size_t kGroupIdBytes = sizeof(uint32_t);
// A file is compacted again if among this many entries in a row half are deletions.
constexpr size_t kDeletionWindow = 1024;
constexpr size_t kDeletionsInWindow = 512;
constexpr double kDeletionRatio = 0.5;

bool IsBusy(Table table) {
  switch (table) {
    case Table::kNames:
    case Table::kJobs:
    case Table::kCounters:
    case Table::kDue:
      return true;
    case Table::kMeta:
    case Table::kGroups:
    case Table::kPrefixDeletes:
    case Table::kQuarantine:
      return false;
  }
  return false;
}

// Tables that are mostly asked for single keys; the others are scanned.
bool IsReadByKey(Table table) {
  return table == Table::kNames || table == Table::kJobs || table == Table::kCounters ||
         table == Table::kGroups;
}

// Where the part of a key ends within which keys come mostly in ascending order: memtables remember
// the last place of each such part and begin there. Jobs are numbered, and index entries of a group
// are consumed from the front; without this a burst spends an eighth of its time on looking for the
// places of its deletions.
size_t AscendingPrefix(Table table) { return table == Table::kDue ? kGroupIdBytes : 0; }

uint64_t WalBytes(uint64_t disk_bytes) {
  if (disk_bytes == 0) return kWalBytesMax;
  return std::clamp(disk_bytes / kWalDiskFraction, kWalBytesMin, kWalBytesMax);
}

}  // namespace

rocksdb::DBOptions MakeDbOptions(std::shared_ptr<rocksdb::EventListener> listener,
                                 uint64_t disk_bytes) {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  if (listener != nullptr) options.listeners.push_back(std::move(listener));

  options.max_background_jobs = kBackgroundJobs;
  options.max_open_files = kOpenFilesMax;
  options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(kMemtableBytesTotal);
  options.max_manifest_file_size = kManifestBytesMax;
  options.bytes_per_sync = kWritebackBytes;

  // storage/wal_check.h finds the damage that this mode would pass over in silence. It relies on
  // logs that are not recycled: a recycled log has old records behind its end.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.recycle_log_file_num = 0;
  options.max_total_wal_size = WalBytes(disk_bytes);

  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::ColumnFamilyOptions MakeTableOptions(Table table,
                                              const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = cache;
  blocks.block_size = kBlockBytes;
  // In the cache, so that they count towards its bound.
  blocks.cache_index_and_filter_blocks = true;
  blocks.pin_l0_filter_and_index_blocks_in_cache = true;
  if (IsReadByKey(table)) {
    blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  }

  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  options.write_buffer_size = IsBusy(table) ? kBusyMemtableBytes : kQuietMemtableBytes;
  options.max_write_buffer_number = kMemtablesMax;
  options.compaction_style = rocksdb::kCompactionStyleLevel;
  options.level_compaction_dynamic_level_bytes = true;
  options.target_file_size_base = kTableFileBytes;
  options.max_bytes_for_level_base = kLevelBaseBytes;
  options.level0_slowdown_writes_trigger = kLevel0FilesMax;
  options.level0_stop_writes_trigger = kLevel0FilesMax + kLevel0FilesMax / 2;
  options.compression = rocksdb::kLZ4Compression;
  if (IsBusy(table)) {
    options.memtable_insert_with_hint_prefix_extractor.reset(
        rocksdb::NewFixedPrefixTransform(AscendingPrefix(table)));
  }
  if (table == Table::kDue) {
    // The front of the index is consumed all the time: without this, reads of its head would wade
    // through the deletions that it leaves behind.
    options.table_properties_collector_factories.push_back(
        rocksdb::NewCompactOnDeletionCollectorFactory(kDeletionWindow, kDeletionsInWindow,
                                                      kDeletionRatio));
  }
  return options;
}

rocksdb::ColumnFamilyOptions MakeUnusedOptions() {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = kUnusedMemtableBytes;
  rocksdb::BlockBasedTableOptions blocks;
  // Otherwise RocksDB makes a cache of its own for it.
  blocks.no_block_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  return options;
}

}  // namespace belfry
