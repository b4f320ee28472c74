#include "server/http_server.h"

#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "boost/asio/as_tuple.hpp"
#include "boost/asio/awaitable.hpp"
#include "boost/asio/co_spawn.hpp"
#include "boost/asio/detached.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/ip/v6_only.hpp"
#include "boost/asio/steady_timer.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/core/tcp_stream.hpp"
#include "boost/beast/http/empty_body.hpp"
#include "boost/beast/http/parser.hpp"
#include "boost/beast/http/read.hpp"
#include "boost/beast/http/string_body.hpp"
#include "boost/beast/http/write.hpp"
#include "fmt/format.h"
#include "server/broadcast_address.h"
#include "server/limits.h"

namespace belfry::server {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

// Results come as (error, value): nothing throws.
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// Pause after a failed accept, e.g. when the process has no file descriptors left.
constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

absl::Status ListenError(const std::string& address, uint16_t port,
                         const boost::system::error_code& error) {
  const std::string host = IsWildcardAddress(address) ? "[::]" : address;
  return absl::UnavailableError(
      fmt::format("cannot listen on {}: {}", JoinHostPort(host, port), error.message()));
}

absl::Status Bind(tcp::acceptor* acceptor, const tcp::endpoint& endpoint,
                  const std::string& address) {
  boost::system::error_code error;
  acceptor->open(endpoint.protocol(), error);
  if (error) return ListenError(address, endpoint.port(), error);
  acceptor->set_option(tcp::acceptor::reuse_address(true), error);
  if (endpoint.protocol() == tcp::v6()) {
    acceptor->set_option(asio::ip::v6_only(!IsWildcardAddress(address)), error);
  }
  acceptor->bind(endpoint, error);
  if (error) return ListenError(address, endpoint.port(), error);
  acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (error) return ListenError(address, endpoint.port(), error);
  return absl::OkStatus();
}

// What a listening port needs while it is open.
struct Listener {
  tcp::acceptor acceptor;
  HttpHandler handler;
};

http::response<http::string_body> MakeResponse(const http::request<http::empty_body>& request,
                                               const HttpHandler& handler) {
  http::response<http::string_body> response;
  response.version(request.version());
  response.keep_alive(request.keep_alive());
  const bool is_head = request.method() == http::verb::head;
  if (request.method() != http::verb::get && !is_head) {
    response.result(http::status::method_not_allowed);
    response.set(http::field::allow, "GET, HEAD");
    response.prepare_payload();
    return response;
  }
  const std::string target = std::string(request.target());
  HttpReply reply = handler(std::string_view(target).substr(0, target.find('?')));
  response.result(reply.status);
  if (!reply.content_type.empty()) response.set(http::field::content_type, reply.content_type);
  response.content_length(reply.body.size());
  if (!is_head) response.body() = std::move(reply.body);
  return response;
}

// One connection, until either side closes it. `open` counts connections.
asio::awaitable<void> ServeConnection(tcp::socket socket, std::shared_ptr<Listener> listener,
                                      std::shared_ptr<size_t> open) {
  boost::beast::tcp_stream stream(std::move(socket));
  boost::beast::flat_buffer buffer(kMaxHttpHeaderBytes + kMaxHttpBodyBytes);
  bool keep_alive = true;
  while (keep_alive) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(kMaxHttpHeaderBytes));
    parser.body_limit(kMaxHttpBodyBytes);
    stream.expires_after(absl::ToChronoMilliseconds(kHttpTimeout));
    const auto [read_error, read] = co_await http::async_read(stream, buffer, parser, kAwait);
    if (read_error) break;
    http::response<http::string_body> response = MakeResponse(parser.get(), listener->handler);
    keep_alive = response.keep_alive();
    stream.expires_after(absl::ToChronoMilliseconds(kHttpTimeout));
    const auto [write_error, written] = co_await http::async_write(stream, response, kAwait);
    if (write_error) break;
  }
  boost::system::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  --*open;
}

asio::awaitable<void> Accept(std::shared_ptr<Listener> listener, std::shared_ptr<size_t> open) {
  const auto executor = co_await asio::this_coro::executor;
  while (listener->acceptor.is_open()) {
    auto [error, socket] = co_await listener->acceptor.async_accept(kAwait);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      asio::steady_timer pause(executor, absl::ToChronoMilliseconds(kAcceptPause));
      const auto [wait_error] = co_await pause.async_wait(kAwait);
      if (wait_error) co_return;
      continue;
    }
    // Above the limit the socket closes as it goes out of scope.
    if (*open >= kMaxHttpConnections) continue;
    ++*open;
    asio::co_spawn(executor, ServeConnection(std::move(socket), listener, open), asio::detached);
  }
}

}  // namespace

class HttpServer::Impl {
 public:
  ~Impl() { Stop(); }

  absl::StatusOr<uint16_t> Listen(const std::string& address, uint16_t port, HttpHandler handler) {
    auto listener = std::make_shared<Listener>(Listener{tcp::acceptor(io_), std::move(handler)});
    absl::Status status;
    if (IsWildcardAddress(address)) {
      status = Bind(&listener->acceptor, tcp::endpoint(tcp::v6(), port), address);
      if (!status.ok()) {
        // The machine may have no IPv6.
        boost::system::error_code ignored;
        listener->acceptor.close(ignored);
        status = Bind(&listener->acceptor, tcp::endpoint(tcp::v4(), port), address);
      }
    } else {
      status = BindTo(&listener->acceptor, address, port);
    }
    if (!status.ok()) return status;
    boost::system::error_code error;
    const uint16_t bound = listener->acceptor.local_endpoint(error).port();
    if (error) return ListenError(address, port, error);
    asio::co_spawn(io_, Accept(std::move(listener), open_connections_), asio::detached);
    return bound;
  }

  void Start() {
    thread_ = std::thread([this] { io_.run(); });
  }

  void Stop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  // An address or the name of one.
  absl::Status BindTo(tcp::acceptor* acceptor, const std::string& address, uint16_t port) {
    const bool bracketed = address.starts_with('[') && address.ends_with(']');
    const std::string host = bracketed ? address.substr(1, address.size() - 2) : address;
    tcp::resolver resolver(io_);
    boost::system::error_code error;
    const auto endpoints = resolver.resolve(host, std::to_string(port), error);
    if (error) return ListenError(address, port, error);
    return Bind(acceptor, endpoints.begin()->endpoint(), address);
  }

  // Declared first: listeners and connections live in its coroutines.
  asio::io_context io_;
  // Touched on the server's thread only.
  std::shared_ptr<size_t> open_connections_ = std::make_shared<size_t>(0);
  std::thread thread_;
};

HttpServer::HttpServer() : impl_(std::make_unique<Impl>()) {}
HttpServer::~HttpServer() = default;

absl::StatusOr<uint16_t> HttpServer::Listen(const std::string& address, uint16_t port,
                                            HttpHandler handler) {
  return impl_->Listen(address, port, std::move(handler));
}

void HttpServer::Start() { impl_->Start(); }
void HttpServer::Stop() { impl_->Stop(); }

}  // namespace belfry::server
