#include "client/sidecar/wait_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <chrono>
#include <memory>
#include <thread>

#include "client/sidecar/app_connection.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;

asio::awaitable<void> Ask(std::shared_ptr<AppConnection> connection, AppRequest request,
                          absl::Duration timeout, absl::StatusOr<int>* answer) {
  *answer = co_await connection->Exchange(std::move(request), timeout);
}

// The status of one request; an error if the sidecar does not answer within `timeout`.
absl::StatusOr<int> AskOnce(const AppAddress& address, absl::Duration timeout) {
  namespace http = boost::beast::http;
  AppRequest request(http::verb::get, "/v1.0/healthz/outbound", 11);
  request.set(http::field::host, HostPort(address));
  request.keep_alive(false);
  asio::io_context io;
  const auto connection = std::make_shared<AppConnection>(io.get_executor(), address);
  absl::StatusOr<int> answer = absl::UnavailableError("not asked");
  asio::co_spawn(connection->executor(), Ask(connection, std::move(request), timeout, &answer),
                 asio::detached);
  io.run();
  return answer;
}

}  // namespace

absl::Status WaitUntilOutboundReady(int http_port, absl::Duration limit, absl::Duration pause) {
  constexpr int kReady = 204;
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(limit);
  while (true) {
    const absl::StatusOr<int> answer = AskOnce({"127.0.0.1", http_port}, kWaitRequestTimeout);
    if (answer.ok() && *answer == kReady) return absl::OkStatus();
    if (std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(pause) >= deadline) {
      return absl::DeadlineExceededError(
          fmt::format("the sidecar with --dapr-http-port={} was not ready within {}: {}", http_port,
                      absl::FormatDuration(limit),
                      answer.ok() ? fmt::format("status {}", *answer)
                                  : std::string(answer.status().message())));
    }
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(pause));
  }
}

}  // namespace belfry::sidecar
