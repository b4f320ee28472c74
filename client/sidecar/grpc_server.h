#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/net/connection_acceptor.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {

// What one client may send, and how much at a time.
struct GrpcLimits {
  std::size_t max_message_bytes = std::size_t{4} << 20;
  std::size_t max_metadata_bytes = std::size_t{8} << 10;
  int max_streams = kMaxHttp2Streams;  // calls at the same time on one connection
  // Of all requests that have not come to their end.
  std::size_t max_received_bytes = kMaxCallBytes;
  absl::Duration keepalive_time = kGrpcKeepaliveTime;
  absl::Duration keepalive_timeout = kGrpcKeepaliveTimeout;
};

// A gRPC listener. Thread safety: belongs to its owner.
class GrpcServer {
 public:
  ~GrpcServer();  // shuts down, if that was not done

  // Listens on each of `addresses` (an empty one means everywhere). Port 0 means any free one.
  // Unavailable if that cannot be. `service` must outlive the server; without one every call is
  // answered with UNIMPLEMENTED. REQUIRES: !addresses.empty()
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const std::vector<std::string>& addresses, int port, const GrpcLimits& limits,
      grpc::Service* service);

  // As Start, on a Unix socket, which is removed when the server ends. Also the errors of
  // PrepareUnixSocket.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> StartUnix(const std::string& path,
                                                               const GrpcLimits& limits,
                                                               grpc::Service* service);

  // 0 on a Unix socket.
  int port() const { return port_; }

  // Refuses new calls, ends those that have not ended within `grace`, and returns when all their
  // handlers have answered.
  void Shutdown(absl::Duration grace);

 private:
  GrpcServer() = default;
  static absl::StatusOr<std::unique_ptr<GrpcServer>> StartOn(net::ListeningSockets sockets,
                                                             const GrpcLimits& limits,
                                                             grpc::Service* service);

  // Answers what no service does. Outlives the server.
  grpc::CallbackGenericService unimplemented_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<net::ConnectionAcceptor> acceptor_;  // null before the start and after Shutdown
  int port_ = 0;
  std::string path_;  // of a Unix socket
};

}  // namespace belfry::sidecar
