#pragma once

// How connections get from a ConnectionAcceptor to a gRPC server.

#include <functional>
#include <memory>
#include <utility>

#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace belfry::net {

// What hands a connection, a descriptor that does not block, to the server that `builder` is going
// to make, which speaks with it as `credentials` say. May be called from the start of that server
// to its shutdown, from any thread.
inline std::function<void(int fd)> HandOver(grpc::ServerBuilder* builder,
                                            std::shared_ptr<grpc::ServerCredentials> credentials) {
  using Builder = grpc::ServerBuilder::experimental_type;
  const std::shared_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor =
      builder->experimental().AddExternalConnectionAcceptor(
          Builder::ExternalConnectionType::FROM_FD, std::move(credentials));
  return [acceptor](int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
    connection.fd = fd;
    acceptor->HandleNewConnection(&connection);
  };
}

}  // namespace belfry::net
