#pragma once

#include <string>

#include "absl/status/status.h"

namespace belfry {

// Adds to a DataLoss, with which a database did not open, the table files in `path` that cannot be
// opened by themselves, as far as there are any: RocksDB's text may name only the list of files
// that led there. Other statuses stay as they are. REQUIRES: nobody writes the files.
absl::Status NameDamagedTables(absl::Status status, const std::string& path);

}  // namespace belfry
