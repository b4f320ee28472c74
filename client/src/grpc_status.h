#pragma once

// The one place in the client where gRPC's statuses become ours. Both use the same code numbers.

#include <string>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace belfry::client {

// Code and message are kept; details are dropped.
inline absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace belfry::client
