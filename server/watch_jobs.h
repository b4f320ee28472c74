#pragma once

// WatchJobs: one stream that receives triggers and answers them.

#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "grpcpp/support/server_callback.h"
#include "server/access.h"
#include "server/service_context.h"

namespace belfry::server {

// Starts to serve a stream of `caller`'s. The result lives until gRPC is done with it and the loop
// has let go of it; nobody needs to delete it.
grpc::ServerBidiReactor<dapr::proto::scheduler::v1::WatchJobsRequest,
                        dapr::proto::scheduler::v1::WatchJobsResponse>*
StartWatchJobs(const ServiceContext& context, Caller caller);

}  // namespace belfry::server
