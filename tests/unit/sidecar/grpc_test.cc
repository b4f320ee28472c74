// The gRPC API and the gRPC app channel, over the loopback interface.

#include <grpcpp/grpcpp.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "client/net/byte_budget.h"
#include "client/sidecar/grpc_app_channel.h"
#include "client/sidecar/grpc_server.h"
#include "client/sidecar/grpc_service.h"
#include "tests/support/http2_frames.h"
#include "tests/support/mute_client.h"
#include "tests/unit/sidecar/fake_connection.h"
#include "tests/unit/sidecar/loopback.h"
#include "tests/unit/sidecar/waiter.h"

namespace belfry::sidecar {
namespace {

namespace runtime = dapr::proto::runtime::v1;

std::shared_ptr<grpc::Channel> Channel(int port) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                   grpc::InsecureChannelCredentials(), args);
}

struct Context : grpc::ClientContext {
  Context() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10)); }
};

struct ApiFixture {
  explicit ApiFixture(const std::string& token = "", const GrpcLimits& limits = {},
                      std::size_t call_bytes = kMaxCallBytes)
      : budget("max-call-memory", call_bytes),
        service(
            jobs, metadata, token, [this] { shutdowns.Put(true); }, &budget) {
    config.app_id = "my-app";
    hosts.Update({"a:1"});
    auto started = GrpcServer::Start({"127.0.0.1"}, 0, limits, &service);
    REQUIRE(started.ok());
    server = *std::move(started);
    stub = runtime::Dapr::NewStub(Channel(server->port()));
  }
  ~ApiFixture() { server->Shutdown(absl::Seconds(5)); }

  static JobsApiOptions Options() {
    JobsApiOptions options;
    options.app_id = "my-app";
    options.threads = 2;
    return options;
  }

  Config config;
  std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>();
  SchedulerHosts hosts{true, connection};
  Metadata metadata{config, hosts};
  JobsApi jobs{Options(), connection, hosts};
  Waiter<bool> shutdowns;
  net::ByteBudget budget;
  GrpcService service;
  std::unique_ptr<GrpcServer> server;
  std::unique_ptr<runtime::Dapr::Stub> stub;
};

runtime::ScheduleJobRequest Request(const std::string& name) {
  runtime::ScheduleJobRequest request;
  request.mutable_job()->set_name(name);
  request.mutable_job()->set_schedule("@daily");
  return request;
}

// Gives a job a large payload.
void StoreLarge(ApiFixture* f, const std::string& name, std::size_t bytes) {
  Context context;
  auto request = Request(name);
  request.mutable_job()->mutable_data()->set_value(std::string(bytes, 'x'));
  runtime::ScheduleJobResponse response;
  REQUIRE(f->stub->ScheduleJob(&context, request, &response).ok());
}

TEST_CASE("grpc api: answers that are not taken have a limit together") {
  constexpr std::size_t kBytes = std::size_t{3} << 20;
  ApiFixture f("", {}, 2 * kBytes);
  StoreLarge(&f, "large", kBytes);
  runtime::GetJobRequest request;
  request.set_name("large");
  std::vector<std::unique_ptr<MuteClient>> mute;
  constexpr char kGet[] = "/dapr.proto.runtime.v1.Dapr/GetJob";
  grpc::Status status;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  // The system's buffers take some.
  while (status.ok()) {
    REQUIRE(std::chrono::steady_clock::now() < limit);
    for (int i = 0; i < 4; ++i) {
      mute.emplace_back(
          new MuteClient(MuteClient::ToPort(static_cast<uint16_t>(f.server->port()))));
      mute.back()->Call(kGet, request);
      mute.back()->Call(kGet, request);
    }
    Context context;
    runtime::GetJobResponse response;
    status = f.stub->GetJob(&context, request, &response);
  }
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(status.error_message().find("--max-call-memory=6291456") != std::string::npos);
  mute.clear();
  while (!status.ok()) {
    REQUIRE(std::chrono::steady_clock::now() < limit);
    Context context;
    runtime::GetJobResponse response;
    status = f.stub->GetJob(&context, request, &response);
  }
}

TEST_CASE("grpc api: clients that are gone without a word are found") {
  GrpcLimits limits;
  limits.keepalive_time = absl::Milliseconds(300);
  limits.keepalive_timeout = absl::Milliseconds(300);
  ApiFixture f("", limits);
  // One that answers stays.
  Context context;
  runtime::GetMetadataResponse response;
  REQUIRE(f.stub->GetMetadata(&context, {}, &response).ok());
  RawConnection gone(f.server->port());
  gone.Send(std::string(http2::kPreface) + http2::Frame(http2::kSettings, 0, 0, ""));
  // It takes what comes and answers nothing.
  CHECK(gone.ReadAll().size() > 0);
  CHECK(gone.IsClosedWithin(std::chrono::milliseconds(0)));
  Context again;
  CHECK(f.stub->GetMetadata(&again, {}, &response).ok());
}

TEST_CASE("grpc api: both names of every call") {
  ApiFixture f;
  runtime::ScheduleJobResponse scheduled;
  CHECK(Context().deadline() > std::chrono::system_clock::now());
  {
    Context a, b;
    CHECK(f.stub->ScheduleJob(&a, Request("a1"), &scheduled).ok());
    CHECK(f.stub->ScheduleJobAlpha1(&b, Request("a2"), &scheduled).ok());
  }
  {
    Context a, b;
    runtime::GetJobRequest request;
    request.set_name("a1");
    runtime::GetJobResponse response;
    CHECK(f.stub->GetJob(&a, request, &response).ok());
    CHECK(response.job().SerializeAsString() == Request("a1").job().SerializeAsString());
    request.set_name("a2");
    CHECK(f.stub->GetJobAlpha1(&b, request, &response).ok());
    CHECK(response.job().name() == "a2");
  }
  {
    Context a, b;
    runtime::ListJobsResponse jobs;
    CHECK(f.stub->ListJobs(&a, {}, &jobs).ok());
    CHECK(jobs.jobs_size() == 2);
    runtime::ListJobsResponseAlpha1 alpha_jobs;
    CHECK(f.stub->ListJobsAlpha1(&b, {}, &alpha_jobs).ok());
    CHECK(alpha_jobs.jobs(1).name() == "a2");
  }
  {
    Context a, b;
    runtime::DeleteJobRequest request;
    runtime::DeleteJobResponse response;
    request.set_name("a1");
    CHECK(f.stub->DeleteJob(&a, request, &response).ok());
    CHECK(f.stub->DeleteJobAlpha1(&b, request, &response).ok());
    CHECK(f.connection->jobs().size() == 1);
  }
  {
    Context a, b, c;
    runtime::ScheduleJobResponse response;
    CHECK(f.stub->ScheduleJob(&a, Request("b1"), &response).ok());
    runtime::DeleteJobsByPrefixRequest request;
    request.set_name_prefix("a");
    runtime::DeleteJobsByPrefixResponse deleted;
    CHECK(f.stub->DeleteJobsByPrefix(&b, request, &deleted).ok());
    CHECK(f.connection->jobs().size() == 1);
    runtime::DeleteJobsByPrefixResponseAlpha1 alpha_deleted;
    CHECK(f.stub->DeleteJobsByPrefixAlpha1(&c, {}, &alpha_deleted).ok());
    CHECK(f.connection->jobs().empty());
  }
}

TEST_CASE("grpc api: errors carry code, text and reason") {
  ApiFixture f;
  {
    Context context;
    runtime::ScheduleJobResponse response;
    const auto status = f.stub->ScheduleJobAlpha1(&context, {}, &response);
    CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK(status.error_message() == "Job is empty");
    CHECK(status.error_details().find("DAPR_SCHEDULER_EMPTY") != std::string::npos);
  }
  {
    Context context;
    runtime::GetJobRequest request;
    request.set_name("missing");
    runtime::GetJobResponse response;
    const auto status = f.stub->GetJob(&context, request, &response);
    CHECK(status.error_code() == grpc::StatusCode::INTERNAL);
    CHECK(status.error_message() ==
          "failed to get job due to: rpc error: code = NotFound desc = job not found: missing");
  }
  {
    Context a, b;
    runtime::ScheduleJobResponse response;
    CHECK(f.stub->ScheduleJob(&a, Request("x"), &response).ok());
    const auto status = f.stub->ScheduleJob(&b, Request("x"), &response);
    CHECK(status.error_code() == grpc::StatusCode::ALREADY_EXISTS);
  }
}

TEST_CASE("grpc api: the scheduler is asked for no longer than the client waits") {
  ApiFixture f;
  Context context;  // its deadline is 10 s away
  runtime::ScheduleJobResponse response;
  REQUIRE(f.stub->ScheduleJob(&context, Request("x"), &response).ok());
  CHECK(f.connection->last_timeout() <= absl::Seconds(10));
  CHECK(f.connection->last_timeout() > absl::ZeroDuration());
  grpc::ClientContext patient;
  REQUIRE(f.stub->ScheduleJob(&patient, Request("y"), &response).ok());
  CHECK(f.connection->last_timeout() > absl::Seconds(15));
  CHECK(f.connection->last_timeout() <= absl::Seconds(30));
}

TEST_CASE("grpc api: a token is asked for") {
  ApiFixture f("secret");
  const auto call = [&](const char* token) {
    Context context;
    if (token != nullptr) context.AddMetadata("dapr-api-token", token);
    runtime::GetMetadataResponse response;
    return f.stub->GetMetadata(&context, {}, &response);
  };
  CHECK(call(nullptr).error_code() == grpc::StatusCode::UNAUTHENTICATED);
  CHECK(call(nullptr).error_details().find("missing api token in request metadata") !=
        std::string::npos);
  CHECK(call("wrong!").error_message() == "Unauthorized");
  CHECK(call("secret").ok());
}

TEST_CASE("grpc api: metadata and shutdown") {
  ApiFixture f;
  {
    Context a, b;
    runtime::SetMetadataRequest request;
    request.set_key("k");
    request.set_value("v");
    google::protobuf::Empty empty;
    CHECK(f.stub->SetMetadata(&a, request, &empty).ok());
    runtime::GetMetadataResponse response;
    CHECK(f.stub->GetMetadata(&b, {}, &response).ok());
    CHECK(response.id() == "my-app");
    CHECK(response.extended_metadata().at("k") == "v");
    CHECK(response.scheduler().connected_addresses(0) == "a:1");
  }
  Context context;
  google::protobuf::Empty empty;
  CHECK(f.stub->Shutdown(&context, {}, &empty).ok());
  CHECK(f.shutdowns.Take());
}

TEST_CASE("grpc api: messages have the limit of bodies") {
  GrpcLimits limits;
  limits.max_message_bytes = 1000;
  ApiFixture f("", limits);
  Context context;
  runtime::ScheduleJobRequest request = Request("x");
  request.mutable_job()->mutable_data()->set_value(std::string(2000, 'x'));
  runtime::ScheduleJobResponse response;
  CHECK(f.stub->ScheduleJob(&context, request, &response).error_code() ==
        grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_CASE("grpc api: a taken port is an error and not shared") {
  ApiFixture f;
  GrpcService other(f.jobs, f.metadata, "", [] {});
  CHECK_FALSE(GrpcServer::Start({"127.0.0.1"}, f.server->port(), {}, &other).ok());
}

// --- The app -------------------------------------------------------------------------------------

class NewApp final : public runtime::AppCallback::CallbackService {
 public:
  grpc::ServerUnaryReactor* OnJobEvent(grpc::CallbackServerContext* context,
                                       const runtime::JobEventRequest* request,
                                       runtime::JobEventResponse*) override {
    auto* reactor = context->DefaultReactor();
    std::string token;
    const auto& metadata = context->client_metadata();
    if (const auto it = metadata.find("dapr-api-token"); it != metadata.end()) {
      token.assign(it->second.data(), it->second.size());
    }
    tokens.Put(token);
    requests.Put(*request);
    if (hold) {
      held.Put(reactor);
      return reactor;
    }
    reactor->Finish(status);
    return reactor;
  }
  grpc::Status status;
  bool hold = false;  // calls are not answered but put into `held`
  Waiter<grpc::ServerUnaryReactor*> held;
  Waiter<runtime::JobEventRequest> requests;
  Waiter<std::string> tokens;
};

class OldApp final : public runtime::AppCallbackAlpha::CallbackService {
 public:
  grpc::ServerUnaryReactor* OnJobEventAlpha1(grpc::CallbackServerContext* context,
                                             const runtime::JobEventRequest* request,
                                             runtime::JobEventResponse*) override {
    auto* reactor = context->DefaultReactor();
    requests.Put(*request);
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  Waiter<runtime::JobEventRequest> requests;
};

class HealthyApp final : public runtime::AppCallbackHealthCheck::CallbackService {
 public:
  grpc::ServerUnaryReactor* HealthCheck(grpc::CallbackServerContext* context,
                                        const google::protobuf::Empty*,
                                        runtime::HealthCheckResponse*) override {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

// Serves an app and has a channel to it.
struct AppFixture {
  explicit AppFixture(grpc::Service* app, GrpcAppChannelOptions options = {}) {
    auto started = GrpcServer::Start({"127.0.0.1"}, 0, {}, app);
    REQUIRE(started.ok());
    server = *std::move(started);
    options.target = "127.0.0.1:" + std::to_string(server->port());
    options.health_timeout = absl::Seconds(5);
    channel = std::make_unique<GrpcAppChannel>(options);
  }
  ~AppFixture() { server->Shutdown(absl::ZeroDuration()); }

  AppReply Deliver(JobEvent event) {
    channel->Deliver(std::move(event), [this](AppReply reply) { replies.Put(std::move(reply)); });
    auto reply = replies.Take();
    REQUIRE(reply);
    return *reply;
  }

  Waiter<AppReply> replies;
  std::unique_ptr<GrpcServer> server;
  std::unique_ptr<GrpcAppChannel> channel;
};

JobEvent Event() {
  JobEvent event;
  event.name = "x";
  event.data.emplace().set_type_url("my/type");
  event.data->set_value("payload");
  return event;
}

TEST_CASE("grpc app: the request") {
  NewApp app;
  GrpcAppChannelOptions options;
  options.api_token = "secret";
  AppFixture f(&app, options);
  CHECK(f.Deliver(Event()).answer == AppAnswer::kDone);
  const auto request = app.requests.Take();
  REQUIRE(request);
  CHECK(request->name() == "x");
  CHECK(request->method() == "job/x");
  CHECK(request->content_type() == "my/type");
  CHECK(request->data().value() == "payload");
  CHECK(request->http_extension().verb() == dapr::proto::common::v1::HTTPExtension::POST);
  CHECK(app.tokens.Take() == "secret");

  JobEvent without_data;
  without_data.name = "y";
  CHECK(f.Deliver(without_data).answer == AppAnswer::kDone);
  CHECK_FALSE(app.requests.Take()->has_data());
}

TEST_CASE("grpc app: its status decides") {
  const auto [code, answer] = GENERATE(table<grpc::StatusCode, AppAnswer>({
      {grpc::StatusCode::NOT_FOUND, AppAnswer::kDropped},
      {grpc::StatusCode::UNKNOWN, AppAnswer::kRefused},
      {grpc::StatusCode::INTERNAL, AppAnswer::kRefused},
  }));
  NewApp app;
  app.status = grpc::Status(code, "x");
  AppFixture f(&app);
  CHECK(f.Deliver(Event()).answer == answer);
}

TEST_CASE("grpc app: an older one is called by the older name") {
  OldApp app;
  AppFixture f(&app);
  CHECK(f.Deliver(Event()).answer == AppAnswer::kDone);
  const auto request = app.requests.Take();
  REQUIRE(request);
  CHECK(request->name() == "x");
}

TEST_CASE("grpc app: one without job events refuses") {
  HealthyApp app;
  AppFixture f(&app);
  CHECK(f.Deliver(Event()).answer == AppAnswer::kRefused);
}

TEST_CASE("grpc app: health") {
  Waiter<bool> healthy;
  {
    HealthyApp app;
    AppFixture f(&app);
    f.channel->CheckHealth([&](bool ok) { healthy.Put(ok); });
    CHECK(healthy.Take() == true);
  }
  OldApp app;
  AppFixture f(&app);
  f.channel->CheckHealth([&](bool ok) { healthy.Put(ok); });
  CHECK(healthy.Take() == false);
}

TEST_CASE("grpc app: one that is gone is unreachable") {
  NewApp app;
  AppFixture f(&app);
  f.server->Shutdown(absl::ZeroDuration());
  CHECK(f.Deliver(Event()).answer == AppAnswer::kUnreachable);
}

TEST_CASE("grpc app: deliveries in progress and waiting can be cancelled") {
  NewApp app;
  app.hold = true;
  GrpcAppChannelOptions options;
  options.max_concurrency = 1;
  AppFixture f(&app, options);
  for (int i = 0; i < 2; ++i) {
    f.channel->Deliver(Event(), [&](AppReply reply) { f.replies.Put(std::move(reply)); });
  }
  REQUIRE(app.requests.Take());
  f.channel->CancelDeliveries();
  for (int i = 0; i < 2; ++i) {
    const auto reply = f.replies.Take();
    REQUIRE(reply);
    CHECK(reply->answer == AppAnswer::kCancelled);
  }
  const auto held = app.held.Take();
  REQUIRE(held);
  (*held)->Finish(grpc::Status::CANCELLED);
}

TEST_CASE("grpc app: a time limit ends a call") {
  GrpcAppChannelOptions options;
  options.target = "127.0.0.1:1";
  options.request_timeout = absl::Milliseconds(1);
  GrpcAppChannel channel(options);
  Waiter<AppReply> replies;
  channel.Deliver(Event(), [&](AppReply reply) { replies.Put(std::move(reply)); });
  const auto reply = replies.Take();
  REQUIRE(reply);
  CHECK(reply->answer != AppAnswer::kDone);
}

}  // namespace
}  // namespace belfry::sidecar
