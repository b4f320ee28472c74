#pragma once

// The end of a gRPC server whose clients need not help.

#include <sys/socket.h>

#include <functional>

#include "absl/time/time.h"
#include "grpcpp/server.h"

namespace belfry::server {

// Which of the process's connections are meant, by the address of this end. Called for sockets of
// all kinds.
using IsOurs = std::function<bool(const sockaddr_storage& local)>;

// Takes no new calls, lets the open ones go on for `drain`, cancels the rest, and returns when all
// have ended. gRPC waits with a call for the bytes it has begun to write, for as long as the client
// does not take them: connections that are still there kCancelTimeout after the cancelling are
// broken off. Any thread.
void ShutDownServer(grpc::Server* server, absl::Duration drain, const IsOurs& is_ours);

}  // namespace belfry::server
