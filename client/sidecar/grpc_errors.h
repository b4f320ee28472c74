#pragma once

// Errors of the API as gRPC statuses with their details.

#include <grpcpp/support/status.h>

#include <string_view>

#include "client/sidecar/errors.h"

namespace belfry::sidecar {

// The error as a status whose only detail is its google.rpc.ErrorInfo.
grpc::Status ToGrpcStatus(const ApiError& error);

// The answer to a call without the right API token; `reason` says what is wrong with it.
grpc::Status UnauthorizedStatus(std::string_view reason);

}  // namespace belfry::sidecar
