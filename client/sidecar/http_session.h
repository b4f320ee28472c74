#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "client/sidecar/http_server.h"
#include "client/sidecar/http_socket.h"

namespace belfry::sidecar {

// Serves one connection until it ends. REQUIRES: runs on the socket's executor, a strand.
boost::asio::awaitable<void> RunHttpSession(HttpSocket socket,
                                            std::shared_ptr<HttpServerState> state);

}  // namespace belfry::sidecar
