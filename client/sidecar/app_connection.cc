#include "client/sidecar/app_connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <optional>
#include <utility>

#include "client/sidecar/limits.h"

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

void SetTimeout(beast::tcp_stream& stream, absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) {
    stream.expires_never();
  } else {
    stream.expires_after(absl::ToChronoNanoseconds(timeout));
  }
}

void CloseStream(beast::tcp_stream& stream) {
  error_code ignored;
  stream.socket().close(ignored);
}

absl::Status Unavailable(std::string_view what, const error_code& ec) {
  return absl::UnavailableError(fmt::format("cannot {} the app: {}", what, ec.message()));
}

}  // namespace

std::string HostPort(const AppAddress& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", address.host, address.port)
            : fmt::format("{}:{}", address.host, address.port);
}

struct AppConnection::Response {
  http::response_parser<http::string_body> parser;
};

asio::awaitable<absl::Status> ConnectToApp(beast::tcp_stream& stream, AppAddress address,
                                           absl::Duration timeout) {
  const auto port = static_cast<asio::ip::port_type>(address.port);
  error_code not_numeric;
  const auto numeric = asio::ip::make_address(address.host, not_numeric);
  std::vector<tcp::endpoint> endpoints;
  if (!not_numeric) {
    endpoints.emplace_back(numeric, port);
  } else {
    tcp::resolver resolver(stream.get_executor());
    const auto [ec, results] =
        co_await resolver.async_resolve(address.host, std::to_string(address.port), kAwait);
    if (ec) co_return Unavailable(fmt::format("resolve the host \"{}\" of", address.host), ec);
    for (const auto& result : results) endpoints.push_back(result.endpoint());
  }
  SetTimeout(stream, timeout);
  const auto [ec, endpoint] = co_await stream.async_connect(endpoints, kAwait);
  if (ec) co_return Unavailable("connect to", ec);
  error_code ignored;
  stream.socket().set_option(tcp::no_delay(true), ignored);
  co_return absl::OkStatus();
}

bool AppConnection::Reusable() {
  if (!reusable_ || !stream_.socket().is_open()) return false;
  char byte = 0;
  // Bytes or an end now belong to no request: the app has closed or is about to.
  const ssize_t size = ::recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

asio::awaitable<absl::StatusOr<int>> AppConnection::Exchange(AppRequest request,
                                                             absl::Duration timeout) {
  busy_ = true;
  cancelled_ = false;
  Outcome outcome = co_await Try(request, timeout);
  if (outcome.retry && !cancelled_) {
    CloseStream(stream_);
    outcome = co_await Try(request, timeout);
  }
  const bool answered = outcome.status.ok();
  if (answered) co_await SkipBody();
  if (cancelled_) reusable_ = false;
  if (cancelled_ && !answered) outcome.status = absl::CancelledError("while the app worked on it");
  if (!reusable_) CloseStream(stream_);
  busy_ = false;
  co_return std::move(outcome.status);
}

asio::awaitable<AppConnection::Outcome> AppConnection::Try(const AppRequest& request,
                                                           absl::Duration timeout) {
  Outcome outcome;
  const bool used = used_ && stream_.socket().is_open();
  reusable_ = false;
  buffer_.clear();
  if (!used) {
    absl::Status connected =
        co_await ConnectToApp(stream_, address_, std::min(timeout, kAppConnectTimeout));
    if (!connected.ok()) {
      outcome.status = std::move(connected);
      co_return outcome;
    }
  }
  SetTimeout(stream_, timeout);
  const auto [write_error, written] = co_await http::async_write(stream_, request, kAwait);
  if (write_error) {
    outcome.status = Unavailable("send to", write_error);
    outcome.retry = used && write_error != beast::error::timeout;
    co_return outcome;
  }
  for (int i = 0; i <= kMaxInterimResponses; ++i) {
    response_ = std::make_shared<Response>();
    response_->parser.header_limit(kAppResponseHeaderBytes);
    response_->parser.body_limit(kAppResponseBodyBytes);
    const auto [read_error, size] =
        co_await http::async_read_header(stream_, buffer_, response_->parser, kAwait);
    // The parser objects to an announced body over its limit, but the status is known by then.
    if (read_error && read_error != http::error::body_limit) {
      outcome.status = Unavailable("read the answer of", read_error);
      outcome.retry =
          used && i == 0 && !response_->parser.got_some() && read_error != beast::error::timeout;
      co_return outcome;
    }
    const int status = static_cast<int>(response_->parser.get().result_int());
    if (status >= 200) {
      outcome.status = status;
      co_return outcome;
    }
  }
  outcome.status = absl::UnavailableError("the app sent interim responses only");
  co_return outcome;
}

asio::awaitable<void> AppConnection::SkipBody() {
  auto& parser = response_->parser;
  const bool keep = parser.get().keep_alive() && !parser.get().need_eof();
  const auto length = parser.content_length();
  if (!keep || (length && *length > kAppResponseBodyBytes)) co_return;
  if (!parser.is_done()) {
    SetTimeout(stream_, kAppResponseBodyTime);
    const auto [ec, size] = co_await http::async_read(stream_, buffer_, parser, kAwait);
    if (ec) co_return;
  }
  // The idle connection must not be closed by the timer of this exchange.
  stream_.expires_never();
  used_ = true;
  reusable_ = buffer_.size() == 0;
}

void AppConnection::Cancel(std::shared_ptr<AppConnection> connection) {
  asio::post(connection->executor(), [connection] {
    if (!connection->busy_) return;  // it has ended, and others may look at the connection
    connection->cancelled_ = true;
    CloseStream(connection->stream_);
  });
}

std::shared_ptr<AppConnection> AppConnectionPool::Take() {
  const auto now = std::chrono::steady_clock::now();
  const auto oldest = now - absl::ToChronoNanoseconds(kAppConnectionIdleTime);
  const std::lock_guard lock(mutex_);
  while (!idle_.empty()) {
    Idle last = std::move(idle_.back());
    idle_.pop_back();
    if (last.since < oldest) {
      idle_.clear();  // the others have been idle for longer
    } else if (last.connection->Reusable()) {
      return std::move(last.connection);
    }
  }
  return std::make_shared<AppConnection>(executor_, address_);
}

void AppConnectionPool::Return(std::shared_ptr<AppConnection> connection) {
  if (!connection->Reusable()) return;
  const std::lock_guard lock(mutex_);
  if (idle_.size() >= kMaxIdleAppConnections) return;
  idle_.push_back({std::move(connection), std::chrono::steady_clock::now()});
}

}  // namespace belfry::sidecar
