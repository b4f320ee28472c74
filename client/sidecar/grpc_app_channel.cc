#include "client/sidecar/grpc_app_channel.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <chrono>
#include <utility>

#include "client/sidecar/errors.h"

namespace belfry::sidecar {
namespace {

using dapr::proto::runtime::v1::AppCallback;
using dapr::proto::runtime::v1::AppCallbackAlpha;
using dapr::proto::runtime::v1::AppCallbackHealthCheck;
using dapr::proto::runtime::v1::HealthCheckResponse;
using dapr::proto::runtime::v1::JobEventRequest;
using dapr::proto::runtime::v1::JobEventResponse;

// An app that comes back must be found soon.
constexpr int kMaxReconnectBackoffMs = 1000;

// With TLS the app's certificate is not looked at: the app is beside the sidecar, and usually made
// it itself.
std::shared_ptr<grpc::ChannelCredentials> Credentials(bool tls) {
  if (!tls) return grpc::InsecureChannelCredentials();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_certificate_verifier(std::make_shared<grpc::experimental::NoOpCertificateVerifier>());
  options.set_check_call_host(false);
  return grpc::experimental::TlsCredentials(options);
}

std::shared_ptr<grpc::Channel> MakeChannel(const GrpcAppChannelOptions& options) {
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(static_cast<int>(options.max_message_bytes));
  args.SetMaxSendMessageSize(static_cast<int>(options.max_message_bytes));
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 500);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectBackoffMs);
  // The app is beside the sidecar; a proxy of the environment is not for it.
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(options.target, Credentials(options.tls), args);
}

void SetDeadline(grpc::ClientContext& context, absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return;
  context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(timeout));
}

JobEventRequest MakeRequest(JobEvent event) {
  JobEventRequest request;
  request.set_method("job/" + event.name);
  request.set_name(std::move(event.name));
  if (event.data) {
    request.set_content_type(event.data->type_url());
    *request.mutable_data() = *std::move(event.data);
  }
  request.mutable_http_extension()->set_verb(dapr::proto::common::v1::HTTPExtension::POST);
  return request;
}

}  // namespace

AppReply ReplyForGrpc(const grpc::Status& status) {
  const std::string detail =
      fmt::format("{}: {}", CodeName(static_cast<absl::StatusCode>(status.error_code())),
                  status.error_message());
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      return {AppAnswer::kDone, detail};
    case grpc::StatusCode::NOT_FOUND:
      return {AppAnswer::kDropped, detail};
    case grpc::StatusCode::UNAVAILABLE:
      return {AppAnswer::kUnreachable, detail};
    default:
      return {AppAnswer::kRefused, detail};
  }
}

// One delivery; two tries at most, each with a context of its own. A context keeps the channel
// alive, and the channel must not end on a thread of gRPC's, which would wait for itself. So
// contexts are destroyed before anybody hears that a call has ended.
struct GrpcAppChannel::Call {
  JobEventRequest request;
  JobEventResponse response;
  absl::AnyInvocable<void(AppReply)> done;
  std::unique_ptr<grpc::ClientContext> context;  // under the channel's mutex_
  bool cancelled = false;                        // under the channel's mutex_
};

GrpcAppChannel::GrpcAppChannel(GrpcAppChannelOptions options)
    : options_(std::move(options)), limit_(options_.max_concurrency) {
  const auto channel = MakeChannel(options_);
  stub_ = AppCallback::NewStub(channel);
  alpha_stub_ = AppCallbackAlpha::NewStub(channel);
  health_stub_ = AppCallbackHealthCheck::NewStub(channel);
}

GrpcAppChannel::~GrpcAppChannel() {
  CancelDeliveries();
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return calls_ == 0; });
}

void GrpcAppChannel::BeginCall() {
  const std::lock_guard lock(mutex_);
  ++calls_;
}

void GrpcAppChannel::EndCall() {
  const std::lock_guard lock(mutex_);
  if (--calls_ == 0) idle_.notify_all();
}

void GrpcAppChannel::Deliver(JobEvent event, absl::AnyInvocable<void(AppReply)> done) {
  auto call = std::make_shared<Call>();
  call->request = MakeRequest(std::move(event));
  call->done = std::move(done);
  limit_.Acquire([this, call](bool may_run) {
    if (!may_run) return call->done({AppAnswer::kCancelled, "while it waited"});
    BeginCall();
    {
      const std::lock_guard lock(mutex_);
      delivering_.insert(call);
    }
    Send(call);
  });
}

bool GrpcAppChannel::Prepare(Call& call) {
  const std::lock_guard lock(mutex_);
  if (call.cancelled) return false;
  call.context = std::make_unique<grpc::ClientContext>();
  SetDeadline(*call.context, options_.request_timeout);
  if (!options_.api_token.empty()) {
    call.context->AddMetadata("dapr-api-token", options_.api_token);
  }
  return true;
}

void GrpcAppChannel::Send(const std::shared_ptr<Call>& call) {
  if (!Prepare(*call)) return Finish(call, grpc::Status::CANCELLED);
  stub_->async()->OnJobEvent(call->context.get(), &call->request, &call->response,
                             [this, call](const grpc::Status& status) {
                               if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
                                 return SendAlpha(call);
                               }
                               Finish(call, status);
                             });
}

void GrpcAppChannel::SendAlpha(const std::shared_ptr<Call>& call) {
  if (!Prepare(*call)) return Finish(call, grpc::Status::CANCELLED);
  alpha_stub_->async()->OnJobEventAlpha1(
      call->context.get(), &call->request, &call->response,
      [this, call](const grpc::Status& status) { Finish(call, status); });
}

void GrpcAppChannel::Finish(const std::shared_ptr<Call>& call, const grpc::Status& status) {
  AppReply reply = ReplyForGrpc(status);
  {
    const std::lock_guard lock(mutex_);
    delivering_.erase(call);
    call->context.reset();
    if (call->cancelled && !status.ok()) reply.answer = AppAnswer::kCancelled;
  }
  limit_.Release();
  call->done(std::move(reply));
  EndCall();
}

void GrpcAppChannel::CheckHealth(absl::AnyInvocable<void(bool)> done) {
  struct Probe {
    std::unique_ptr<grpc::ClientContext> context = std::make_unique<grpc::ClientContext>();
    google::protobuf::Empty request;
    HealthCheckResponse response;
    absl::AnyInvocable<void(bool)> done;
  };
  auto probe = std::make_shared<Probe>();
  probe->done = std::move(done);
  SetDeadline(*probe->context, options_.health_timeout);
  BeginCall();
  health_stub_->async()->HealthCheck(probe->context.get(), &probe->request, &probe->response,
                                     [this, probe](const grpc::Status& status) {
                                       probe->context.reset();
                                       probe->done(status.ok());
                                       EndCall();
                                     });
}

void GrpcAppChannel::Introduce(absl::AnyInvocable<void()> done) { done(); }

void GrpcAppChannel::CancelDeliveries() {
  limit_.CancelWaiting();
  const std::lock_guard lock(mutex_);
  for (const auto& call : delivering_) {
    call->cancelled = true;
    if (call->context) call->context->TryCancel();
  }
}

}  // namespace belfry::sidecar
