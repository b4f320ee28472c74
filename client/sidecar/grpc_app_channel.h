#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "client/sidecar/app_channel.h"
#include "client/sidecar/concurrency_limit.h"
#include "dapr/proto/runtime/v1/appcallback.grpc.pb.h"

namespace belfry::sidecar {

struct GrpcAppChannelOptions {
  // host:port
  std::string target;
  // Sent as metadata dapr-api-token; empty means not.
  std::string api_token;
  int max_concurrency = -1;
  std::size_t max_message_bytes = std::size_t{4} << 20;
  // How long a delivery may take; may be infinite.
  absl::Duration request_timeout = absl::InfiniteDuration();
  absl::Duration health_timeout = absl::Milliseconds(500);
};

// Calls an app by gRPC: AppCallback/OnJobEvent, and the older AppCallbackAlpha/OnJobEventAlpha1 if
// the app does not have that. No call may be in progress when it is
// destroyed.
class GrpcAppChannel : public AppChannel {
 public:
  explicit GrpcAppChannel(GrpcAppChannelOptions options);
  ~GrpcAppChannel() override;

  void Deliver(JobEvent event, absl::AnyInvocable<void(AppReply)> done) override;
  void CheckHealth(absl::AnyInvocable<void(bool)> done) override;
  void Introduce(absl::AnyInvocable<void()> done) override;
  void CancelDeliveries() override;

 private:
  struct Call;

  // Sends a delivery that has its place.
  void Send(std::shared_ptr<Call> call);
  void SendAlpha(std::shared_ptr<Call> call);
  void Finish(const std::shared_ptr<Call>& call, const grpc::Status& status);
  // Gives `call` a context for one try; false if the deliveries were cancelled meanwhile.
  bool Prepare(Call& call);

  const GrpcAppChannelOptions options_;
  std::unique_ptr<dapr::proto::runtime::v1::AppCallback::Stub> stub_;
  std::unique_ptr<dapr::proto::runtime::v1::AppCallbackAlpha::Stub> alpha_stub_;
  std::unique_ptr<dapr::proto::runtime::v1::AppCallbackHealthCheck::Stub> health_stub_;
  ConcurrencyLimit limit_;
  std::mutex mutex_;
  std::set<std::shared_ptr<Call>> delivering_;  // under mutex_
};

// What an app's answer means for the job.
AppReply ReplyForGrpc(const grpc::Status& status);

}  // namespace belfry::sidecar
