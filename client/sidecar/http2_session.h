#pragma once

// The server's side of an HTTP/2 connection.

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "client/net/byte_budget.h"
#include "client/sidecar/http_server.h"
#include "client/sidecar/http_socket.h"

namespace belfry::sidecar {

// A request that asked over HTTP/1.1 to go on with HTTP/2. It was answered with 101, and gets its
// response on the new connection.
struct Http2Upgrade {
  HttpRequest request;
  std::string settings;    // of the client, decoded from its header
  net::BudgetShare share;  // of the request's body
};

// Serves a connection until it ends. `first` are the bytes of it that have been read already.
// REQUIRES: runs on the socket's executor, a strand.
boost::asio::awaitable<void> RunHttp2Session(HttpSocket socket,
                                             std::shared_ptr<HttpServerState> state,
                                             std::string first,
                                             std::optional<Http2Upgrade> upgrade);

// The client's settings out of the header HTTP2-Settings; nothing if it is not a base64url text of
// whole settings.
std::optional<std::string> DecodeHttp2Settings(std::string_view header);

}  // namespace belfry::sidecar
