#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "client/sidecar/app_channel.h"
#include "client/sidecar/app_transport.h"
#include "client/sidecar/concurrency_limit.h"

namespace belfry::sidecar {

struct HttpAppChannelOptions {
  AppAddress address;
  // Whether the app speaks HTTP/2 without TLS, and is never asked for anything else.
  bool http2 = false;
  std::string app_id;
  // Sent as dapr-api-token; empty means not.
  std::string api_token;
  int max_concurrency = -1;
  // How long a delivery may take once it is connected; may be infinite.
  absl::Duration request_timeout = absl::InfiniteDuration();
  std::string health_path = "/healthz";
  absl::Duration health_timeout = absl::Milliseconds(500);
  // Whether Introduce asks for /dapr/config.
  bool call_config = true;
};

// Calls an app by HTTP: POST /job/<name> on connections that are kept.
// The executor's context must be stopped before this object is destroyed.
class HttpAppChannel : public AppChannel {
 public:
  HttpAppChannel(boost::asio::any_io_executor executor, HttpAppChannelOptions options);

  void Deliver(JobEvent event, absl::AnyInvocable<void(AppReply)> done) override;
  void CheckHealth(absl::AnyInvocable<void(bool)> done) override;
  void Introduce(absl::AnyInvocable<void()> done) override;
  void CancelDeliveries() override;

 private:
  AppRequest MakeRequest(boost::beast::http::verb verb, std::string_view path) const;
  // Sends a delivery that has its place.
  void Send(AppRequest request, absl::AnyInvocable<void(AppReply)> done);
  // Sends a GET outside the limits of deliveries.
  void Get(std::string_view path, absl::Duration timeout, AppTransport::Done done);

  const HttpAppChannelOptions options_;
  const std::unique_ptr<AppTransport> transport_;
  ConcurrencyLimit limit_;
};

// What a status code of the app's means for the job.
AppReply ReplyForStatus(int status);

}  // namespace belfry::sidecar
