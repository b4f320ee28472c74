#include "client/sidecar/http_app_channel.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <utility>

#include "client/sidecar/delivery_body.h"
#include "client/sidecar/http_path.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;

constexpr char kJson[] = "application/json";

int ConnectionLimit(int max_concurrency) {
  if (max_concurrency <= 0) return kMaxAppConnections;
  return std::min(max_concurrency, kMaxAppConnections);
}

AppReply ReplyFor(const absl::StatusOr<int>& status) {
  if (status.ok()) return ReplyForStatus(*status);
  const bool cancelled = absl::IsCancelled(status.status());
  return {cancelled ? AppAnswer::kCancelled : AppAnswer::kUnreachable,
          std::string(status.status().message())};
}

using Finished = absl::AnyInvocable<void(absl::StatusOr<int>)>;

// Runs one exchange and calls `finished` when the connection is free again.
asio::awaitable<void> RunExchange(std::shared_ptr<AppConnection> connection, AppRequest request,
                                  absl::Duration timeout, Finished finished) {
  absl::StatusOr<int> status = co_await connection->Exchange(std::move(request), timeout);
  finished(std::move(status));
}

}  // namespace

AppReply ReplyForStatus(int status) {
  const std::string detail = fmt::format("status {}", status);
  if (status >= 200 && status <= 299) return {AppAnswer::kDone, detail};
  if (status == 404) return {AppAnswer::kDropped, detail};
  return {AppAnswer::kRefused, detail};
}

HttpAppChannel::HttpAppChannel(asio::any_io_executor executor, HttpAppChannelOptions options)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      pool_(executor_, options_.address),
      limit_(ConnectionLimit(options_.max_concurrency)) {}

AppRequest HttpAppChannel::MakeRequest(http::verb verb, std::string_view path) const {
  AppRequest request(verb, boost::beast::string_view(path.data(), path.size()), 11);
  request.set(http::field::host, HostPort(options_.address));
  request.set(http::field::user_agent, "belfry-sidecar/" BELFRY_VERSION);
  request.set(http::field::content_type, kJson);
  return request;
}

void HttpAppChannel::Deliver(JobEvent event, absl::AnyInvocable<void(AppReply)> done) {
  auto body = DeliveryBody(event.data);
  if (!body.ok()) {
    return done({AppAnswer::kUnreachable, std::string(body.status().message())});
  }
  AppRequest request = MakeRequest(http::verb::post, JobPath(event.name));
  if (!options_.api_token.empty()) request.set("dapr-api-token", options_.api_token);
  request.body() = *std::move(body);
  // Always a length, never chunks: some apps take no body without one.
  request.content_length(request.body().size());
  limit_.Acquire(
      [this, request = std::move(request), done = std::move(done)](bool may_run) mutable {
        if (!may_run) return done({AppAnswer::kCancelled, "while it waited"});
        Send(std::move(request), std::move(done));
      });
}

void HttpAppChannel::Send(AppRequest request, absl::AnyInvocable<void(AppReply)> done) {
  auto connection = pool_.Take();
  {
    const std::lock_guard lock(mutex_);
    delivering_.insert(connection);
  }
  Finished finished = [this, connection,
                       done = std::move(done)](absl::StatusOr<int> status) mutable {
    {
      const std::lock_guard lock(mutex_);
      delivering_.erase(connection);
    }
    pool_.Return(std::move(connection));
    limit_.Release();
    done(ReplyFor(status));
  };
  asio::co_spawn(
      connection->executor(),
      RunExchange(connection, std::move(request), options_.request_timeout, std::move(finished)),
      asio::detached);
}

void HttpAppChannel::Get(std::string_view path, absl::Duration timeout, Finished done) {
  auto connection = std::make_shared<AppConnection>(executor_, options_.address);
  AppRequest request = MakeRequest(http::verb::get, path);
  request.set("dapr-app-id", options_.app_id);
  request.keep_alive(false);
  asio::co_spawn(connection->executor(),
                 RunExchange(connection, std::move(request), timeout, std::move(done)),
                 asio::detached);
}

void HttpAppChannel::CheckHealth(absl::AnyInvocable<void(bool)> done) {
  Get(options_.health_path, options_.health_timeout,
      [done = std::move(done)](absl::StatusOr<int> status) mutable {
        done(status.ok() && *status >= 200 && *status <= 299);
      });
}

void HttpAppChannel::Introduce(absl::AnyInvocable<void()> done) {
  if (!options_.call_config) return done();
  Get("/dapr/config", kAppConfigTimeout,
      [done = std::move(done)](const absl::StatusOr<int>&) mutable { done(); });
}

void HttpAppChannel::CancelDeliveries() {
  limit_.CancelWaiting();
  const std::lock_guard lock(mutex_);
  for (const auto& connection : delivering_) AppConnection::Cancel(connection);
}

}  // namespace belfry::sidecar
