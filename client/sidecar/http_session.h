#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "client/sidecar/http_server.h"

namespace belfry::sidecar {

// Serves one connection until it ends. REQUIRES: runs on the socket's executor, a strand.
boost::asio::awaitable<void> RunHttpSession(boost::asio::ip::tcp::socket socket,
                                            std::shared_ptr<HttpServerState> state);

}  // namespace belfry::sidecar
