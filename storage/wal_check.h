#pragma once

// Looks for damage in RocksDB's write-ahead logs before the database is opened.
//
// RocksDB recovers up to the first spot that it cannot read and drops the rest without an error.
// That is right for the torn end that a power cut leaves: nobody was told that it is durable. It
// is wrong for damage with records behind it, as those, or the damaged ones, were reported as
// durable. The logs are therefore read here first, record by record, with their checksums.
//
// A log is a row of 32 KiB blocks; a record is checksum (4 bytes, masked CRC-32C of type and
// data), length (2), type (1), data; it never crosses a block, a longer one is split into
// fragments. The data begins with the sequence number of the first change (8) and the number of
// changes (4). Numbers are little-endian. Zeros behind the last record are space reserved ahead.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace belfry {

// An unfinished end of the log, which recovery will drop.
struct TornEnd {
  std::string file;
  // Where the first unreadable record begins, and the bytes from there to the end of the file.
  uint64_t offset;
  uint64_t bytes;
};

// Reads the logs in `directory`. Returns the torn end if there is one, or nothing if all can be
// read. DataLoss, naming the file and what to do, if records follow a damaged spot, in the same
// log or a later one, or if changes are missing between one log and the next. (A later log that
// goes on exactly where the readable part ended is fine: it was begun after an earlier recovery.)
// Logs that recovery passes over, as all they hold is in tables, may look like anything. Another
// error if a file cannot be read. The oldest and the newest log are not missed if they are gone.
// REQUIRES: nobody writes the logs meanwhile.
absl::StatusOr<std::optional<TornEnd>> CheckWriteAheadLogs(const std::string& directory);

// The torn end of the list of files that CURRENT names, which is written like a log, or nothing.
// Recovery drops it. After a power cut that is right; a file that was cut off by something else has
// lost more, and nothing tells the two apart. Errors as above.
absl::StatusOr<std::optional<TornEnd>> CheckManifest(const std::string& directory);

// Cuts a torn end off, durably. RocksDB may keep a log from which it recovered nothing; with
// records in later logs its torn end would be taken for damage the next time. An error that names
// the file if that fails.
absl::Status CutTornEnd(const TornEnd& torn);

}  // namespace belfry
