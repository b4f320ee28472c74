#pragma once

#include <boost/asio/generic/stream_protocol.hpp>

namespace belfry::sidecar {

// A TCP or a Unix socket.
using HttpSocket = boost::asio::generic::stream_protocol::socket;

}  // namespace belfry::sidecar
