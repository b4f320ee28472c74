#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "rocksdb/status.h"

namespace belfry {

// The one place where RocksDB's statuses become ours. The message reads "<context>: <what RocksDB
// says>". Incomplete, which a write without slowdown returns near a stall, is the only status that
// becomes ResourceExhausted, so that this code always means "nothing applied, may be tried again".
absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view context);

}  // namespace belfry
