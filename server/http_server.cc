#include "server/http_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <list>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "boost/asio/as_tuple.hpp"
#include "boost/asio/awaitable.hpp"
#include "boost/asio/co_spawn.hpp"
#include "boost/asio/detached.hpp"
#include "boost/asio/executor_work_guard.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/post.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/core/tcp_stream.hpp"
#include "boost/beast/http/empty_body.hpp"
#include "boost/beast/http/error.hpp"
#include "boost/beast/http/parser.hpp"
#include "boost/beast/http/read.hpp"
#include "boost/beast/http/string_body.hpp"
#include "boost/beast/http/write.hpp"
#include "client/net/connection_acceptor.h"
#include "client/net/listening_sockets.h"
#include "client/net/open_connections.h"
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

// What belongs to one port. Touched on the server's thread only.
struct Port {
  HttpHandler handler;
  size_t connections = 0;
  // Those that wait for a request or the rest of one, the one that has waited longest first.
  std::list<tcp::socket*> waiting;
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

// The answer to a request that cannot be read; none if there is nobody to read it.
std::optional<http::response<http::string_body>> MakeRefusal(
    const boost::system::error_code& error) {
  http::response<http::string_body> response;
  response.keep_alive(false);
  if (error == http::error::header_limit) {
    response.result(http::status::request_header_fields_too_large);
    response.body() = fmt::format("the limit of a head is {} bytes\n", kMaxHttpHeaderBytes);
  } else if (error == http::error::body_limit) {
    response.result(http::status::payload_too_large);
    response.body() = fmt::format("the limit of a body is {} bytes\n", kMaxHttpBodyBytes);
  } else if (error.category() == http::make_error_code(http::error::bad_method).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    response.result(http::status::bad_request);
    response.body() = fmt::format("not a request of HTTP: {}\n", error.message());
  } else {
    return std::nullopt;
  }
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.prepare_payload();
  return response;
}

// One connection, until either side closes it.
class Connection {
 public:
  Connection(tcp::socket socket, std::shared_ptr<Port> port)
      : stream_(std::move(socket)), port_(std::move(port)) {
    ++port_->connections;
  }
  ~Connection() { --port_->connections; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  asio::awaitable<void> Serve() {
    bool keep_alive = true;
    while (keep_alive) keep_alive = co_await ServeOne();
    boost::system::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

 private:
  // Whether another request may follow.
  asio::awaitable<bool> ServeOne() {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(kMaxHttpHeaderBytes));
    parser.body_limit(kMaxHttpBodyBytes);
    stream_.expires_after(absl::ToChronoMilliseconds(kHttpTimeout));
    const auto place = port_->waiting.insert(port_->waiting.end(), &stream_.socket());
    const auto [error, read] = co_await http::async_read(stream_, buffer_, parser, kAwait);
    port_->waiting.erase(place);
    auto response = error ? MakeRefusal(error) : MakeResponse(parser.get(), port_->handler);
    if (!response.has_value()) co_return false;
    stream_.expires_after(absl::ToChronoMilliseconds(kHttpTimeout));
    const auto [write_error, written] = co_await http::async_write(stream_, *response, kAwait);
    co_return !write_error && response->keep_alive();
  }

  boost::beast::tcp_stream stream_;
  const std::shared_ptr<Port> port_;
  boost::beast::flat_buffer buffer_{kMaxHttpHeaderBytes + kMaxHttpBodyBytes};
};

asio::awaitable<void> ServeConnection(tcp::socket socket, std::shared_ptr<Port> port) {
  Connection connection(std::move(socket), std::move(port));
  co_await connection.Serve();
}

// Begins to serve a connection, if there is a place for it.
void TakeConnection(tcp::socket socket, const std::shared_ptr<Port>& port) {
  if (port->connections >= kMaxHttpConnections) {
    if (port->waiting.empty()) return;
    // Its read ends with an error, and so the connection.
    tcp::socket* const longest = port->waiting.front();
    boost::system::error_code ignored;
    longest->close(ignored);
    port->waiting.splice(port->waiting.end(), port->waiting, port->waiting.begin());
  }
  const auto executor = socket.get_executor();
  asio::co_spawn(executor, ServeConnection(std::move(socket), port), asio::detached);
}

// Owns the connection `fd`.
tcp::socket MakeSocket(asio::io_context& io, int fd) {
  tcp::socket socket(io);
  boost::system::error_code error;
  socket.assign(net::AddressFamily(fd) == AF_INET6 ? tcp::v6() : tcp::v4(), fd, error);
  if (error) ::close(fd);  // then the first read of the socket fails
  return socket;
}

}  // namespace

class HttpServer::Impl {
 public:
  ~Impl() { Stop(); }

  absl::StatusOr<uint16_t> Listen(const std::string& address, uint16_t port, HttpHandler handler) {
    auto sockets = net::ListeningSockets::OnPort(ListenHost(address), port);
    if (!sockets.ok()) return sockets.status();
    const uint16_t bound = sockets->port();
    auto served = std::make_shared<Port>();
    served->handler = std::move(handler);
    listening_.emplace_back(*std::move(sockets), std::move(served));
    return bound;
  }

  void Start() {
    for (auto& [sockets, port] : std::exchange(listening_, {})) {
      net::AcceptorOptions options;
      options.uses_reserve = true;
      options.take = [this, port = port](int fd) {
        asio::post(io_, [port, socket = MakeSocket(io_, fd)]() mutable {
          TakeConnection(std::move(socket), port);
        });
      };
      acceptors_.push_back(
          std::make_unique<net::ConnectionAcceptor>(std::move(sockets), std::move(options)));
    }
    thread_ = std::thread([this] { io_.run(); });
  }

  void Stop() {
    acceptors_.clear();
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  // Declared first: connections live in its coroutines.
  asio::io_context io_;
  // Keeps the thread busy while there is no connection.
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  std::vector<std::pair<net::ListeningSockets, std::shared_ptr<Port>>> listening_;
  std::vector<std::unique_ptr<net::ConnectionAcceptor>> acceptors_;
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
