#include "tests/bench/http_answerer.h"

#include <iostream>
#include <string>
#include <thread>
#include <utility>

#include "boost/asio/awaitable.hpp"
#include "boost/asio/co_spawn.hpp"
#include "boost/asio/detached.hpp"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "boost/asio/redirect_error.hpp"
#include "boost/asio/use_awaitable.hpp"
#include "boost/beast/core/flat_buffer.hpp"
#include "boost/beast/http.hpp"
#include "fmt/format.h"

namespace belfry::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

class HttpAnswerer::Impl {
 public:
  Impl(int status, Handler handler) : status_(status), handler_(std::move(handler)) {}
  ~Impl() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Start(int port) {
    const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), static_cast<uint16_t>(port));
    boost::system::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return absl::UnavailableError(
          fmt::format("cannot listen on 127.0.0.1:{}: {}", port, error.message()));
    }
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(context_, Accept(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
    return absl::OkStatus();
  }
  int port() const { return port_; }

 private:
  asio::awaitable<void> Accept() {
    for (;;) {
      boost::system::error_code error;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      socket.set_option(tcp::no_delay(true), error);
      asio::co_spawn(context_, Serve(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> Serve(tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    boost::system::error_code error;
    for (;;) {
      http::request<http::string_body> request;
      co_await http::async_read(socket, buffer, request,
                                asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      handler_(View(request.target()));
      http::response<http::empty_body> response(http::int_to_status(static_cast<unsigned>(status_)),
                                                request.version());
      response.keep_alive(request.keep_alive());
      if (status_ != 204) response.content_length(0);
      co_await http::async_write(socket, response,
                                 asio::redirect_error(asio::use_awaitable, error));
      if (error || !request.keep_alive()) co_return;
    }
  }

  const int status_;
  const Handler handler_;
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  int port_ = 0;
  std::thread thread_;
};

HttpAnswerer::HttpAnswerer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpAnswerer::~HttpAnswerer() = default;
int HttpAnswerer::port() const { return impl_->port(); }

absl::StatusOr<std::unique_ptr<HttpAnswerer>> HttpAnswerer::Start(int port, int status,
                                                                  Handler handler) {
  auto impl = std::make_unique<Impl>(status, std::move(handler));
  if (absl::Status started = impl->Start(port); !started.ok()) return started;
  return std::unique_ptr<HttpAnswerer>(new HttpAnswerer(std::move(impl)));
}

int RunNullHttp(int port) {
  const auto server = HttpAnswerer::Start(port, 204, [](std::string_view) {});
  if (!server.ok()) {
    std::cerr << server.status().ToString() << std::endl;
    return 1;
  }
  std::cout << (*server)->port() << std::endl;
  while (std::cin.get() != std::char_traits<char>::eof()) {
  }
  return 0;
}

}  // namespace belfry::bench
