#include "client/sidecar/http_server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <system_error>
#include <utility>

#include "client/sidecar/http_session.h"
#include "client/sidecar/unix_socket.h"

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using UnixProtocol = asio::local::stream_protocol;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kAcceptErrorPause = std::chrono::milliseconds(100);

// Opens, binds and listens; the error if one of them fails.
error_code Open(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, bool both_versions) {
  error_code ec;
  acceptor.open(endpoint.protocol(), ec);
  if (ec) return ec;
  acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (both_versions) acceptor.set_option(asio::ip::v6_only(false), ec);
  if (ec) return ec;
  acceptor.bind(endpoint, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  return ec;
}

absl::Status ListenError(const std::string& address, int port, const error_code& ec) {
  const std::string text = fmt::format("cannot listen for http on {}:{}: {}",
                                       address.empty() ? "*" : address, port, ec.message());
  const bool no_such_address = ec == asio::error::address_family_not_supported ||
                               ec == boost::system::errc::address_not_available;
  return no_such_address ? absl::NotFoundError(text) : absl::UnavailableError(text);
}

template <typename Acceptor>
asio::awaitable<void> AcceptLoop(std::shared_ptr<Acceptor> acceptor,
                                 std::shared_ptr<HttpServerState> state, asio::io_context& io) {
  asio::steady_timer pause(io);
  while (acceptor->is_open()) {
    auto [ec, socket] = co_await acceptor->async_accept(asio::make_strand(io), kAwait);
    if (ec == asio::error::operation_aborted || !acceptor->is_open()) co_return;
    if (ec) {
      spdlog::warn("cannot accept an http connection error={}", ec.message());
      pause.expires_after(kAcceptErrorPause);
      co_await pause.async_wait(kAwait);
      continue;
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);  // means nothing to a Unix socket
    const auto executor = socket.get_executor();
    asio::co_spawn(executor, RunHttpSession(HttpSocket(std::move(socket)), state), asio::detached);
  }
}

}  // namespace

HttpResponse HeadTooLarge(const HttpServerOptions& options) {
  return {431, "text/plain; charset=utf-8",
          fmt::format("431 Request Header Fields Too Large: the limit is {} bytes, see "
                      "--read-buffer-size\n",
                      options.max_header_bytes)};
}

HttpServer::HttpServer(asio::io_context& io, HttpServerOptions options, HttpHandler handler)
    : io_(io), state_(std::make_shared<HttpServerState>()) {
  state_->options = options;
  state_->handler = std::move(handler);
}

HttpServer::~HttpServer() { Close(); }

absl::Status HttpServer::Listen(const std::string& address, int port) {
  const auto number = static_cast<asio::ip::port_type>(port);
  auto acceptor = std::make_shared<tcp::acceptor>(asio::make_strand(io_));
  error_code ec;
  if (address.empty()) {
    ec = Open(*acceptor, {asio::ip::address_v6::any(), number}, true);
    if (ec == asio::error::address_family_not_supported ||
        ec == asio::error::make_error_code(asio::error::invalid_argument)) {
      error_code ignored;
      acceptor->close(ignored);
      ec = Open(*acceptor, {asio::ip::address_v4::any(), number}, false);
    }
  } else {
    const auto parsed = asio::ip::make_address(address == "localhost" ? "127.0.0.1" : address, ec);
    if (!ec) ec = Open(*acceptor, {parsed, number}, false);
  }
  if (ec) return ListenError(address, port, ec);
  if (closers_.empty()) port_ = acceptor->local_endpoint(ec).port();
  Accept(std::move(acceptor));
  return absl::OkStatus();
}

absl::Status HttpServer::ListenUnix(const std::string& path) {
  if (absl::Status status = PrepareUnixSocket(path); !status.ok()) return status;
  auto acceptor = std::make_shared<UnixProtocol::acceptor>(asio::make_strand(io_));
  error_code ec;
  acceptor->open(UnixProtocol(), ec);
  if (!ec) acceptor->bind(UnixProtocol::endpoint(path), ec);
  if (!ec) acceptor->listen(asio::socket_base::max_listen_connections, ec);
  if (ec) {
    return absl::UnavailableError(
        fmt::format("cannot listen for http on {}: {}", path, ec.message()));
  }
  unix_sockets_.push_back(path);
  Accept(std::move(acceptor));
  return absl::OkStatus();
}

template <typename Acceptor>
void HttpServer::Accept(std::shared_ptr<Acceptor> acceptor) {
  closers_.push_back([acceptor] {
    asio::post(acceptor->get_executor(), [acceptor] {
      error_code ignored;
      acceptor->close(ignored);
    });
  });
  const auto executor = acceptor->get_executor();
  asio::co_spawn(executor, AcceptLoop(std::move(acceptor), state_, io_), asio::detached);
}

void HttpServer::Close() {
  state_->closing = true;
  for (const auto& close : std::exchange(closers_, {})) close();
  for (const std::string& path : std::exchange(unix_sockets_, {})) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
}

}  // namespace belfry::sidecar
