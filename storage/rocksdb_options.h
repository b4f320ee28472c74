#pragma once

// How RocksDB is tuned for Belfry: two cores, bounded memory and files, writes that never wait.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "rocksdb/cache.h"
#include "rocksdb/listener.h"
#include "rocksdb/options.h"
#include "scheduler/store/store.h"

namespace belfry {

// Blocks of table files, their indexes and filters, shared by all tables.
inline constexpr size_t kBlockCacheBytes = size_t{32} << 20;
// Memtables of all tables together; past this the oldest is flushed. While flushing lags behind,
// sealed memtables come on top, see kMemtablesMax.
inline constexpr size_t kMemtableBytesTotal = size_t{48} << 20;
// Logs on disk; bounds how long recovery replays after a kill and, with the ballast, what an empty
// store takes on disk. On a small disk it is this part of it, but enough for a few writes.
inline constexpr uint64_t kWalBytesMax = uint64_t{40} << 20;
inline constexpr uint64_t kWalDiskFraction = 80;
inline constexpr uint64_t kWalBytesMin = uint64_t{512} << 10;

// A write is refused by RocksDB when a table has this many memtables, or this many files in level
// zero. New work is refused earlier, so that acknowledgements and deletes still find room.
inline constexpr int kMemtablesMax = 8;
inline constexpr int kSealedMemtablesForPressure = 4;
inline constexpr int kLevel0FilesMax = 40;
inline constexpr int kLevel0FilesForPressure = 24;

// Options of the whole database. `listener`, which may be null, is told of flushes, compactions and
// stalls. `disk_bytes` is the size of the disk; 0 if it is not known.
rocksdb::DBOptions MakeDbOptions(std::shared_ptr<rocksdb::EventListener> listener,
                                 uint64_t disk_bytes);

// Options of the column family of one table.
rocksdb::ColumnFamilyOptions MakeTableOptions(Table table,
                                              const std::shared_ptr<rocksdb::Cache>& cache);

// Options of the column family that RocksDB insists on and that stays empty.
rocksdb::ColumnFamilyOptions MakeUnusedOptions();

}  // namespace belfry
