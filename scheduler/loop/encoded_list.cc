#include "scheduler/loop/encoded_list.h"

#include <utility>

#include "scheduler/base/limits.h"

namespace belfry {

void EncodedList::Add(storage::v1::JobRecord record) {
  // One message behind the other is the message that has the fields of both.
  scratch_.Clear();
  dapr::proto::scheduler::v1::NamedJob* const named = scratch_.add_jobs();
  named->set_name(std::move(*record.mutable_name()));
  *named->mutable_metadata() = std::move(*record.mutable_metadata());
  *named->mutable_job() = std::move(*record.mutable_job());
  if (pieces_.empty() || pieces_.back().size() >= kListPieceBytes) pieces_.emplace_back();
  scratch_.AppendToString(&pieces_.back());
}

size_t EncodedList::ByteSize() const {
  size_t bytes = 0;
  for (const std::string& piece : pieces_) bytes += piece.size();
  return bytes;
}

}  // namespace belfry
