#pragma once

// EncodedList: the jobs of a list as they go over the wire. A job takes a dozen small objects when
// it is decoded; a list of many jobs that were all decoded at once took ten times its own size, and
// freeing it took as long as reading it.

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "belfry/storage/v1/records.pb.h"
#include "dapr/proto/scheduler/v1/scheduler.pb.h"

namespace belfry {

// Not thread-safe.
class EncodedList {
 public:
  // Appends a job, as it was accepted.
  void Add(belfry::storage::v1::JobRecord record);

  size_t ByteSize() const;

  // The encoding of a ListJobsResponse, in pieces of about kListPieceBytes.
  const std::vector<std::string>& pieces() const { return pieces_; }
  std::vector<std::string> TakePieces() && { return std::move(pieces_); }

 private:
  std::vector<std::string> pieces_;
  dapr::proto::scheduler::v1::ListJobsResponse scratch_;  // of one job
};

}  // namespace belfry
