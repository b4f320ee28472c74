#pragma once

// AdminServer: a gRPC service on a Unix socket that only the process's own user can connect to.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/net/connection_acceptor.h"
#include "grpcpp/impl/service_type.h"
#include "grpcpp/server.h"

namespace belfry::server {

// Thread safety: belongs to its owner.
class AdminServer {
 public:
  // Serves `service`, which is borrowed, on the socket `path`, with mode 0600. A socket there that
  // nobody listens on is replaced. InvalidArgument if the path is longer than sockets allow;
  // FailedPrecondition if somebody listens there or it is something else than a socket; Unavailable
  // if the socket cannot be made.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& path,
                                                            grpc::Service* service);

  // Takes no new calls, lets the open ones go on for `drain`, cancels the rest, returns when all
  // have ended, and removes the socket.
  void Shutdown(absl::Duration drain);

 private:
  AdminServer(std::unique_ptr<grpc::Server> server,
              std::unique_ptr<net::ConnectionAcceptor> acceptor, std::string path);

  const std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<net::ConnectionAcceptor> acceptor_;  // null after Shutdown
  const std::string path_;
};

}  // namespace belfry::server
