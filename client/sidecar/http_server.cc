#include "client/sidecar/http_server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "client/net/open_connections.h"
#include "client/sidecar/http_session.h"
#include "client/sidecar/unix_socket.h"

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;

absl::Status ListenError(const absl::Status& status) {
  return absl::Status(status.code(), fmt::format("http: {}", std::string(status.message())));
}

// Owns the connection `fd`.
HttpSocket MakeSocket(asio::io_context& io, int fd) {
  HttpSocket socket(asio::make_strand(io));
  boost::system::error_code error;
  socket.assign(HttpSocket::protocol_type(net::AddressFamily(fd), 0), fd, error);
  if (error) ::close(fd);  // then the first read of the socket fails
  return socket;
}

}  // namespace

HttpResponse HeadTooLarge(const HttpServerOptions& options) {
  return {431, "text/plain; charset=utf-8",
          fmt::format("431 Request Header Fields Too Large: the limit is {} bytes, see "
                      "--read-buffer-size\n",
                      options.max_header_bytes)};
}

HttpResponse TooManyBytes(const absl::Status& status) {
  return {429, "text/plain; charset=utf-8",
          fmt::format("429 Too Many Requests: {}\n", std::string(status.message()))};
}

HttpServer::HttpServer(asio::io_context& io, HttpServerOptions options, HttpHandler handler)
    : io_(io), state_(std::make_shared<HttpServerState>()) {
  state_->options = options;
  state_->handler = std::move(handler);
}

HttpServer::~HttpServer() { Close(); }

absl::Status HttpServer::Listen(const std::string& address, int port) {
  const std::string host = address == "localhost" ? "127.0.0.1" : address;
  auto sockets = net::ListeningSockets::OnPort(host, static_cast<uint16_t>(port));
  if (!sockets.ok()) return ListenError(sockets.status());
  if (acceptors_.empty()) port_ = sockets->port();
  Accept(*std::move(sockets));
  return absl::OkStatus();
}

absl::Status HttpServer::ListenUnix(const std::string& path) {
  if (absl::Status status = PrepareUnixSocket(path); !status.ok()) return status;
  auto sockets = net::ListeningSockets::OnPath(path, std::nullopt);
  if (!sockets.ok()) return ListenError(sockets.status());
  unix_sockets_.push_back(path);
  Accept(*std::move(sockets));
  return absl::OkStatus();
}

void HttpServer::Accept(net::ListeningSockets sockets) {
  net::AcceptorOptions options;
  options.take = [&io = io_, state = state_](int fd) {
    HttpSocket socket = MakeSocket(io, fd);
    const auto executor = socket.get_executor();
    asio::co_spawn(executor, RunHttpSession(std::move(socket), state), asio::detached);
  };
  acceptors_.push_back(
      std::make_unique<net::ConnectionAcceptor>(std::move(sockets), std::move(options)));
}

void HttpServer::Close() {
  state_->closing = true;
  acceptors_.clear();
  for (const std::string& path : std::exchange(unix_sockets_, {})) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
}

}  // namespace belfry::sidecar
