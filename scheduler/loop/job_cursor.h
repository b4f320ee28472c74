#pragma once

// JobCursor: reads many jobs as of one instant, a chunk at a time, so that however many there are
// little is in memory.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "belfry/storage/v1/records.pb.h"
#include "scheduler/engine/prefix_deletes.h"
#include "scheduler/store/record_codec.h"
#include "scheduler/store/store.h"

namespace belfry {

// A job and how far it has come.
struct StoredJob {
  storage::v1::JobRecord record;
  RestoredProgress progress;
};

// A job that is there and cannot be read.
struct UnreadableJob {
  std::string name;  // DisplayName
  uint64_t job_id = 0;
  std::string error;
};

// Not thread-safe; may be used from one thread after another. Must be destroyed before the store,
// and soon: as long as it lives, nothing of its instant is given back to the disk.
class JobCursor {
 public:
  // The jobs whose encoded keys begin with one of `prefixes`, see job_key.h, prefix by prefix and
  // in key order, as of now. `store` is borrowed. DataLoss if a prefix delete does not parse.
  static absl::StatusOr<JobCursor> Open(const Store* store, std::vector<std::string> prefixes);

  struct Chunk {
    std::vector<StoredJob> jobs;
    std::vector<UnreadableJob> unreadable;
  };

  // The next kCursorJobs jobs at most, fewer if their records have kCursorBytes together. An error
  // means that the store could not be read.
  absl::StatusOr<Chunk> Next();
  // Whether there is nothing more to come.
  bool done() const { return prefix_ == prefixes_.size(); }

 private:
  JobCursor(const Store* store, std::vector<std::string> prefixes);

  // Reads one job into the chunk; adds the size of its record to `bytes`.
  absl::Status Read(std::string_view job_key, std::string_view name_bytes, Chunk* chunk,
                    size_t* bytes) const;

  const Store* store_;
  std::vector<std::string> prefixes_;
  std::unique_ptr<Snapshot> snapshot_;
  PrefixDeletes deleted_;
  size_t prefix_ = 0;  // the one that is being read
  std::string from_;   // where to go on in it
};

}  // namespace belfry
