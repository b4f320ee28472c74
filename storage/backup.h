#pragma once

// Backups: copies of a store that is in use, and what can be told of a store without writing it.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "scheduler/loop/store_check.h"
#include "storage/backup_manifest.h"
#include "storage/rocksdb_store.h"

namespace belfry {

struct BackupReport {
  StoreReport store;  // of CheckDepth::kRead
  BackupFiles files;
};

// Copies `store` to the directory `to`, as of some instant during the call: hard links where the
// file system allows it. Then reads all of the copy, and writes its manifest. Everything written
// before the call is in it; what of that is durable is the caller's business.
//
// `to` must not be there or be an empty directory, must not lie in the store's own directory, and
// the directory above it must be there: InvalidArgument or FailedPrecondition. Until all is done
// the copy is called "<to>.partial", which must not be there either; after an error neither is
// left. `is_cancelled` is asked all the time; Cancelled if it says so. One call at a time.
absl::StatusOr<BackupReport> MakeBackup(const RocksDbStore& store, const std::string& to,
                                        const std::function<bool()>& is_cancelled);

struct VerifyReport {
  StoreReport store;  // of CheckDepth::kAgree
  // What the manifest tells of; nullopt if there is none, as in the directory of a scheduler.
  std::optional<BackupFiles> files;
};

// Reads all of the store in `directory` and changes nothing. Contradictions between the tables are
// in the report; DataLoss if a file is damaged or missing, NotFound if there is no store,
// FailedPrecondition if a scheduler is running on it or made it with a newer format.
absl::StatusOr<VerifyReport> VerifyStore(const std::string& directory);

}  // namespace belfry
