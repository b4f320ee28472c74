#pragma once

// GrpcServer: one listening gRPC port with the options that sidecars expect.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/net/connection_acceptor.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/impl/service_type.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "scheduler/base/limits.h"

namespace belfry::server {

// Prepares gRPC for a process that serves until it ends: sends its log lines, and those of
// protobuf, to our log, and keeps gRPC from waiting, when its last user goes, for connections whose
// peers do not read (it would do so for ten seconds). Call once, before anything else of gRPC.
void SetUpGrpc();

// Thread safety: belongs to its owner.
class GrpcServer {
 public:
  // Serves `services`, which are borrowed, on a port; an empty address means all interfaces, port 0
  // lets the system choose. `credentials` say whether the port speaks TLS. Of the limits it needs
  // those of keepalive, and that of jobs: a message of more than twice that size is not even read.
  // Unavailable if the port cannot be had, e.g. because another process has it.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const std::string& address, uint16_t port,
      std::shared_ptr<grpc::ServerCredentials> credentials,
      const std::vector<grpc::Service*>& services, const Limits& limits = {});

  uint16_t port() const { return port_; }

  // Takes no new calls, lets the open ones go on for `drain`, cancels the rest, and returns when
  // all have ended: every call that waits for a reply must get it.
  void Shutdown(absl::Duration drain);

 private:
  GrpcServer(std::shared_ptr<grpc::ServerCredentials> credentials,
             std::unique_ptr<grpc::CallbackGenericService> unimplemented,
             std::unique_ptr<grpc::Server> server,
             std::unique_ptr<net::ConnectionAcceptor> acceptor);

  // gRPC asks them for certificates as long as the server lives.
  const std::shared_ptr<grpc::ServerCredentials> credentials_;
  // Answers what no service does. Outlives the server.
  const std::unique_ptr<grpc::CallbackGenericService> unimplemented_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<net::ConnectionAcceptor> acceptor_;  // null after Shutdown
  const uint16_t port_;
};

}  // namespace belfry::server
