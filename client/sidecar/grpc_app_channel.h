#pragma once

#include <condition_variable>
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
  // Whether the app speaks TLS; its certificate is not looked at.
  bool tls = false;
  // Sent as metadata dapr-api-token; empty means not.
  std::string api_token;
  int max_concurrency = -1;
  std::size_t max_message_bytes = std::size_t{4} << 20;
  // How long a delivery may take; may be infinite.
  absl::Duration request_timeout = absl::InfiniteDuration();
  absl::Duration health_timeout = absl::Milliseconds(500);
};

// Calls an app by gRPC: AppCallback/OnJobEvent, and the older AppCallbackAlpha/OnJobEventAlpha1 if
// the app does not have that. The destructor cancels deliveries and waits for all callbacks.
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
  void Send(const std::shared_ptr<Call>& call);
  void SendAlpha(const std::shared_ptr<Call>& call);
  void Finish(const std::shared_ptr<Call>& call, const grpc::Status& status);
  // Gives `call` a context for one try; false if the deliveries were cancelled meanwhile.
  bool Prepare(Call& call);
  // Each call to the app is counted from before it begins until after its callback.
  void BeginCall();
  void EndCall();

  const GrpcAppChannelOptions options_;
  std::unique_ptr<dapr::proto::runtime::v1::AppCallback::Stub> stub_;
  std::unique_ptr<dapr::proto::runtime::v1::AppCallbackAlpha::Stub> alpha_stub_;
  std::unique_ptr<dapr::proto::runtime::v1::AppCallbackHealthCheck::Stub> health_stub_;
  ConcurrencyLimit limit_;
  std::mutex mutex_;
  // Notified when calls_ becomes 0.
  std::condition_variable idle_;
  int calls_ = 0;                               // under mutex_
  std::set<std::shared_ptr<Call>> delivering_;  // under mutex_
};

// What an app's answer means for the job.
AppReply ReplyForGrpc(const grpc::Status& status);

}  // namespace belfry::sidecar
