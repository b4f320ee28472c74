#pragma once

// An HTTP/1.1 server.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/sidecar/http_types.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {

struct HttpServerOptions {
  std::size_t max_body_bytes = std::size_t{4} << 20;
  std::size_t max_header_bytes = std::size_t{8} << 10;
  int max_connections = kMaxHttpConnections;
};

// What the server and its connections share. Connections may outlive the server.
struct HttpServerState {
  HttpServerOptions options;
  HttpHandler handler;
  std::atomic<int> connections{0};
  std::atomic<int> requests{0};  // being read, answered or written
  std::atomic<bool> closing{false};
};

// Runs on the threads of an io_context that belongs to its owner. The io_context must be stopped
// before it is destroyed, and no response may be given after that.
// Thread safety: the methods belong to the owner.
class HttpServer {
 public:
  HttpServer(boost::asio::io_context& io, HttpServerOptions options, HttpHandler handler);
  ~HttpServer();  // closes
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Listens on `address` (a numeric address; empty means everywhere) and begins to accept. Port 0
  // means any free one. NotFound if this machine has no such address, Unavailable with the reason
  // if it cannot be listened on.
  absl::Status Listen(const std::string& address, int port);

  // The port of the first Listen.
  int port() const { return port_; }

  // Requests that are not answered yet.
  int requests() const { return state_->requests; }

  // Stops accepting; each connection closes after its next response.
  void Close();

 private:
  boost::asio::io_context& io_;
  const std::shared_ptr<HttpServerState> state_;
  std::vector<std::shared_ptr<boost::asio::ip::tcp::acceptor>> acceptors_;
  int port_ = 0;
};

}  // namespace belfry::sidecar
