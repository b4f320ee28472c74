#include "scheduler/loop/encoded_list.h"

#include <utility>

#include "scheduler/base/limits.h"
#include "scheduler/store/record_codec.h"

namespace belfry {

void EncodedList::Add(storage::v1::JobRecord record) {
  // One message behind the other is the message that has the fields of both.
  scratch_.Clear();
  ToNamedJob(std::move(record), scratch_.add_jobs());
  if (pieces_.empty() || pieces_.back().size() >= kListPieceBytes) pieces_.emplace_back();
  scratch_.AppendToString(&pieces_.back());
}

size_t EncodedList::ByteSize() const {
  size_t bytes = 0;
  for (const std::string& piece : pieces_) bytes += piece.size();
  return bytes;
}

}  // namespace belfry
