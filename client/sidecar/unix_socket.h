#pragma once

// Unix sockets to listen on.

#include <string>

#include "absl/status/status.h"

namespace belfry::sidecar {

// Makes sure that a server may listen on `path`, and removes a socket that a process left there
// which has died. Unavailable if somebody listens on it or it is something else than a socket,
// InvalidArgument if the path is too long for a socket, NotFound if its directory does not exist;
// then nothing is removed.
absl::Status PrepareUnixSocket(const std::string& path);

}  // namespace belfry::sidecar
