#pragma once

// How connections get from a ConnectionAcceptor to a gRPC server.

#include <functional>
#include <memory>
#include <utility>

#include "absl/time/time.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace belfry::net {

// Asks clients whether they are still there when nothing came from them for `time`, also those
// without a call, and ends the connections of those that do not answer within `timeout`.
inline void KeepAlive(grpc::ServerBuilder* builder, absl::Duration time, absl::Duration timeout) {
  const auto milliseconds = [](absl::Duration duration) {
    return static_cast<int>(absl::ToInt64Milliseconds(duration));
  };
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(time));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(timeout));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Otherwise pings stop after two, as long as no data flows.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

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
