#include "tests/integration/http_app.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cctype>
#include <utility>

#include "absl/time/clock.h"

namespace belfry::integration {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

AppRequest Record(const http::request<http::string_body>& request) {
  AppRequest record;
  record.arrived = absl::Now();
  record.method = std::string(request.method_string());
  record.target = std::string(request.target());
  record.body = request.body();
  for (const auto& field : request) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    record.headers[name] = std::string(field.value());
  }
  return record;
}

}  // namespace

// The network side; one thread.
class HttpApp::Server {
 public:
  Server(HttpApp* app, uint16_t port) : app_(app), acceptor_(context_) {
    const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
    acceptor_.open(endpoint.protocol());
    acceptor_.set_option(asio::socket_base::reuse_address(true));
    acceptor_.bind(endpoint);
    acceptor_.listen();
    asio::co_spawn(context_, Accept(), asio::detached);
    thread_ = std::thread([this] { context_.run(); });
  }

  ~Server() {
    context_.stop();
    thread_.join();
  }

  uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  asio::awaitable<void> Accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kAwait);
      if (error) co_return;
      asio::co_spawn(context_, Serve(beast::tcp_stream(std::move(socket))), asio::detached);
    }
  }

  asio::awaitable<void> Serve(beast::tcp_stream stream) {
    beast::flat_buffer buffer;
    for (;;) {
      http::request_parser<http::string_body> parser;
      parser.body_limit(boost::none);
      const auto [read_error, read] = co_await http::async_read(stream, buffer, parser, kAwait);
      if (read_error) co_return;
      const http::request<http::string_body> request = parser.release();
      const AppReply reply = app_->Handle(Record(request));
      if (reply.delay.count() > 0) {
        asio::steady_timer timer(context_, reply.delay);
        co_await timer.async_wait(kAwait);
      }
      http::response<http::empty_body> response(static_cast<http::status>(reply.status),
                                                request.version());
      response.keep_alive(request.keep_alive());
      response.prepare_payload();
      const auto [write_error, written] = co_await http::async_write(stream, response, kAwait);
      if (write_error || !response.keep_alive()) co_return;
    }
  }

  HttpApp* const app_;
  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::thread thread_;
};

HttpApp::HttpApp(uint16_t port, Script script) : script_(std::move(script)) {
  server_ = std::make_unique<Server>(this, port);
  port_ = server_->port();
}

HttpApp::~HttpApp() = default;

AppReply HttpApp::Handle(AppRequest request) {
  if (request.target == "/healthz") return {healthy_ ? 200 : 500};
  if (!request.target.starts_with("/job/")) return {404};
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(request);
  }
  return script_ ? script_(request) : AppReply{};
}

std::vector<AppRequest> HttpApp::jobs() const {
  const std::lock_guard lock(mutex_);
  return jobs_;
}

std::vector<AppRequest> HttpApp::jobs(const std::string& target) const {
  std::vector<AppRequest> out;
  for (AppRequest& request : jobs()) {
    if (request.target == target) out.push_back(std::move(request));
  }
  return out;
}

size_t HttpApp::job_count() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

bool HttpApp::WaitForJobs(size_t count) const {
  return Eventually([&] { return job_count() >= count; });
}

}  // namespace belfry::integration
