#pragma once

// A server for HTTP/1.1 and, without TLS, HTTP/2: a client may begin with the one or the other, or
// ask over HTTP/1.1 to go on with HTTP/2.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/net/byte_budget.h"
#include "client/net/connection_acceptor.h"
#include "client/net/listening_sockets.h"
#include "client/sidecar/http_types.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {

struct HttpServerOptions {
  std::size_t max_body_bytes = std::size_t{4} << 20;
  std::size_t max_header_bytes = std::size_t{8} << 10;
  int max_connections = kMaxHttpConnections;
  // Requests at the same time on one connection of HTTP/2.
  int max_streams = kMaxHttp2Streams;
  // How long a client may take for the head of a request once it began, for the body after that,
  // and to take a response; and how long a connection may be without a request.
  absl::Duration header_timeout = kHttpHeaderTimeout;
  absl::Duration body_timeout = kHttpBodyTimeout;
  absl::Duration write_timeout = kHttpWriteTimeout;
  absl::Duration idle_timeout = kHttpIdleTimeout;
  // What requests and responses in memory have together; borrowed, and outlives the connections.
  // Null: they have what they like.
  net::ByteBudget* budget = nullptr;
};

// The answer to a head that is larger than HttpServerOptions::max_header_bytes.
HttpResponse HeadTooLarge(const HttpServerOptions& options);

// The answer to a request for which, or for whose answer, there is no room in the budget.
HttpResponse TooManyBytes(const absl::Status& status);

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

  // Listens on `address` (a numeric address or localhost, which is that of IPv4; empty means
  // everywhere) and begins to accept. Port 0 means any free one. NotFound if this machine has no
  // such address, Unavailable with the reason if it cannot be listened on.
  absl::Status Listen(const std::string& address, int port);

  // Listens on a Unix socket, which is removed again by Close. The errors of PrepareUnixSocket, or
  // Unavailable.
  absl::Status ListenUnix(const std::string& path);

  // The port of the first Listen.
  int port() const { return port_; }

  // Requests that are not answered yet.
  int requests() const { return state_->requests; }

  // Stops accepting; each connection closes after its next response.
  void Close();

 private:
  void Accept(net::ListeningSockets sockets);

  boost::asio::io_context& io_;
  const std::shared_ptr<HttpServerState> state_;
  std::vector<std::unique_ptr<net::ConnectionAcceptor>> acceptors_;
  std::vector<std::string> unix_sockets_;
  int port_ = 0;
};

}  // namespace belfry::sidecar
