#pragma once

// The manifest of a backup: a text file in its directory with the size and the checksum of every
// other file, so that verifying finds any byte that has changed since, also where RocksDB looks at
// none.
//
//   belfry backup 1
//   <CRC-32C, 8 hex digits> <bytes> <file>        one line a file, sorted by name
//   end <CRC-32C of everything before this line>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace belfry {

inline constexpr char kBackupManifest[] = "belfry.backup";

// What a manifest tells of.
struct BackupFiles {
  uint64_t files = 0;
  uint64_t bytes = 0;
};

// Makes the files in `directory` durable, and writes the manifest, durably. `is_cancelled` is asked
// all the time; Cancelled if it says so. Errors name the file.
absl::StatusOr<BackupFiles> WriteBackupManifest(const std::string& directory,
                                                const std::function<bool()>& is_cancelled);

// Compares the files with the manifest. Nullopt if there is none; DataLoss, naming the file, if one
// is missing, has changed or is damaged, or the manifest itself is. Files that it does not tell of
// are not looked at.
absl::StatusOr<std::optional<BackupFiles>> CheckBackupManifest(
    const std::string& directory, const std::function<bool()>& is_cancelled);

// For a store that is about to be used, whose files are going to change: if there is a manifest,
// checks that every file is there and has its size, and removes the manifest. DataLoss as above,
// and then it stays. What is in the files is not read.
absl::Status RetireBackupManifest(const std::string& directory);

}  // namespace belfry
