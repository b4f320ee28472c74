#pragma once

// The connection of one command to a scheduler's admin service.

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "belfry/v1/admin.grpc.pb.h"
#include "client/cli/admin_options.h"
#include "grpcpp/client_context.h"

namespace belfry {

// Connects to a socket, or gets ready to connect to a port with TLS. Unavailable, naming the socket
// and what to look at, if nobody listens there; FailedPrecondition if the files of TLS will not do.
absl::StatusOr<std::unique_ptr<v1::Admin::Stub>> ConnectToAdmin(const AdminOptions& options);

// Sets how long the call may take.
void SetTimeout(const AdminOptions& options, grpc::ClientContext* context);

}  // namespace belfry
