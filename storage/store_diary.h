#pragma once

// The diary of RocksDB: what it tells about itself, for people, in the file LOG of the data
// directory.
//
// RocksDB's own takes a file that cannot be written for a mistake of the program, and some builds
// of it abort the process: on a disk that somebody else has filled up, the first line written would
// cost the scheduler. This one loses lines instead, and says so once.

#include <cstddef>
#include <memory>
#include <string>

#include "rocksdb/env.h"

namespace belfry {

// The diary in use and those before it, LOG.1 being the latest of them.
inline constexpr size_t kDiaryBytesMax = size_t{4} << 20;
inline constexpr size_t kDiaryFiles = 4;

// Begins a new diary in `directory`, which must be there. If that fails, logs why, and what is
// written is dropped. Never null. Thread safety: the logger may be called by several threads.
std::shared_ptr<rocksdb::Logger> BeginDiary(const std::string& directory);

// Keeps nothing and touches no file.
std::shared_ptr<rocksdb::Logger> NoDiary();

}  // namespace belfry
