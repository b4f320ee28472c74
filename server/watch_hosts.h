#pragma once

// WatchHosts: tells a client once where schedulers are, and then holds the stream open. There is
// one scheduler, so the list never changes; sending it again would make sidecars reconnect.

#include <string>

#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "grpcpp/support/server_callback.h"
#include "server/open_streams.h"

namespace belfry::server {

// Starts to serve a stream; with an empty address (not known yet) it ends with Unavailable.
// `streams` is borrowed and outlives it. The result lives until gRPC is
// done with it; nobody needs to delete it.
grpc::ServerWriteReactor<dapr::proto::scheduler::v1::WatchHostsResponse>* StartWatchHosts(
    const std::string& address, OpenStreams* streams);

}  // namespace belfry::server
