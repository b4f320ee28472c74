#pragma once

// The server's one place where our status becomes gRPC's. The codes have the same numbers.

#include <string>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace belfry::server {

inline grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

}  // namespace belfry::server
