#include "client/sidecar/http_app_channel.h"

#include <fmt/format.h>

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>
#include <utility>

#include "client/sidecar/delivery_body.h"
#include "client/sidecar/http1_app_transport.h"
#include "client/sidecar/http2_app_transport.h"
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

std::unique_ptr<AppTransport> MakeTransport(const asio::any_io_executor& executor,
                                            const HttpAppChannelOptions& options) {
  if (options.http2) return std::make_unique<Http2AppTransport>(executor, options.address);
  return std::make_unique<Http1AppTransport>(executor, options.address);
}

}  // namespace

AppReply ReplyForStatus(int status) {
  const std::string detail = fmt::format("status {}", status);
  if (status >= 200 && status <= 299) return {AppAnswer::kDone, detail};
  if (status == 404) return {AppAnswer::kDropped, detail};
  return {AppAnswer::kRefused, detail};
}

HttpAppChannel::HttpAppChannel(asio::any_io_executor executor, HttpAppChannelOptions options)
    : options_(std::move(options)),
      transport_(MakeTransport(executor, options_)),
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
  transport_->Exchange(AppTransport::Kind::kDelivery, std::move(request), options_.request_timeout,
                       [this, done = std::move(done)](const absl::StatusOr<int>& status) mutable {
                         limit_.Release();
                         done(ReplyFor(status));
                       });
}

void HttpAppChannel::Get(std::string_view path, absl::Duration timeout, AppTransport::Done done) {
  AppRequest request = MakeRequest(http::verb::get, path);
  request.set("dapr-app-id", options_.app_id);
  transport_->Exchange(AppTransport::Kind::kProbe, std::move(request), timeout, std::move(done));
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
  transport_->CancelDeliveries();
}

}  // namespace belfry::sidecar
