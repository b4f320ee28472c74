#include "client/sidecar/app_connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <utility>

#include "client/sidecar/limits.h"

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

absl::Status Unavailable(std::string_view what, const error_code& ec) {
  return absl::UnavailableError(fmt::format("cannot {} the app: {}", what, ec.message()));
}

// Whether another answer follows this one: nobody asked for another protocol, and there are no
// statuses below 100.
bool IsInterim(int status) { return status >= 100 && status < 200 && status != 101; }

}  // namespace

bool AppConnection::Reusable() {
  if (!reusable_ || !stream_.is_open()) return false;
  char byte = 0;
  // Bytes or an end now belong to no request: the app has closed or is about to.
  const ssize_t size =
      ::recv(stream_.tcp().socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

asio::awaitable<absl::StatusOr<int>> AppConnection::Exchange(AppRequest request,
                                                             absl::Duration timeout) {
  busy_ = true;
  cancelled_ = false;
  Outcome outcome = co_await Try(request, timeout);
  if (outcome.retry && !cancelled_) {
    stream_.Close();
    outcome = co_await Try(request, timeout);
  }
  const bool answered = outcome.status.ok();
  if (answered && *outcome.status >= 200) co_await SkipBody();
  if (cancelled_) reusable_ = false;
  if (cancelled_ && !answered) outcome.status = absl::CancelledError("while the app worked on it");
  if (!reusable_) stream_.Close();
  busy_ = false;
  co_return std::move(outcome.status);
}

asio::awaitable<AppConnection::Outcome> AppConnection::Try(const AppRequest& request,
                                                           absl::Duration timeout) {
  Outcome outcome;
  const bool used = used_ && stream_.is_open();
  reusable_ = false;
  buffer_.clear();
  if (!used) {
    absl::Status connected = co_await stream_.Connect(std::min(timeout, kAppConnectTimeout));
    if (!connected.ok()) {
      outcome.status = std::move(connected);
      co_return outcome;
    }
  }
  stream_.SetTimeout(timeout);
  const error_code write_error = co_await stream_.Write(request);
  if (write_error) {
    outcome.status = Unavailable("send to", write_error);
    outcome.retry = used && write_error != beast::error::timeout;
    co_return outcome;
  }
  for (int i = 0; i <= kMaxInterimResponses; ++i) {
    response_ = std::make_unique<AppResponseParser>();
    response_->header_limit(kAppResponseHeaderBytes);
    response_->body_limit(kAppResponseBodyBytes);
    const error_code read_error = co_await stream_.ReadHeader(buffer_, *response_);
    // The parser objects to an announced body over its limit, but the status is known by then.
    if (read_error && read_error != http::error::body_limit) {
      outcome.status = Unavailable("read the answer of", read_error);
      outcome.retry =
          used && i == 0 && !response_->got_some() && read_error != beast::error::timeout;
      co_return outcome;
    }
    const int status = static_cast<int>(response_->get().result_int());
    if (!IsInterim(status)) {
      outcome.status = status;
      co_return outcome;
    }
  }
  outcome.status = absl::UnavailableError("the app sent interim responses only");
  co_return outcome;
}

asio::awaitable<void> AppConnection::SkipBody() {
  auto& parser = *response_;
  const bool keep = parser.get().keep_alive() && !parser.get().need_eof();
  const auto length = parser.content_length();
  if (!keep || (length && *length > kAppResponseBodyBytes)) co_return;
  if (!parser.is_done()) {
    stream_.SetTimeout(kAppResponseBodyTime);
    const error_code ec = co_await stream_.Read(buffer_, parser);
    if (ec) co_return;
  }
  // The idle connection must not be closed by the timer of this exchange.
  stream_.SetTimeout(absl::InfiniteDuration());
  used_ = true;
  reusable_ = buffer_.size() == 0;
}

void AppConnection::Cancel(std::shared_ptr<AppConnection> connection) {
  asio::post(connection->executor(), [connection] {
    if (!connection->busy_) return;  // it has ended, and others may look at the connection
    connection->cancelled_ = true;
    connection->stream_.Close();
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
