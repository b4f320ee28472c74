#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "dapr/proto/scheduler/v1/scheduler.pb.h"
#include "scheduler/loop/encoded_list.h"

namespace belfry {

// The jobs of a list, as a client reads them.
inline std::vector<dapr::proto::scheduler::v1::NamedJob> DecodeList(const EncodedList& list) {
  std::string bytes;
  for (const std::string& piece : list.pieces()) bytes += piece;
  dapr::proto::scheduler::v1::ListJobsResponse response;
  if (!response.ParseFromString(bytes)) throw std::runtime_error("the list does not parse");
  return {response.jobs().begin(), response.jobs().end()};
}

}  // namespace belfry
