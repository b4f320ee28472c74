#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace belfry::sidecar {

// A gRPC listener. Thread safety: belongs to its owner.
class GrpcServer {
 public:
  // Listens on each of `addresses` (an empty one means everywhere). Port 0 means any free one.
  // Unavailable if that cannot be. `service` must outlive the server; without one every call is
  // answered with UNIMPLEMENTED. REQUIRES: !addresses.empty()
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const std::vector<std::string>& addresses, int port, std::size_t max_message_bytes,
      grpc::Service* service);

  int port() const { return port_; }

  // Refuses new calls, ends those that have not ended within `grace`, and returns when all their
  // handlers have answered.
  void Shutdown(absl::Duration grace);

 private:
  GrpcServer() = default;

  // Answers what no service does. Outlives the server.
  grpc::CallbackGenericService unimplemented_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace belfry::sidecar
