// What the sidecar serves beside the Jobs API, and how it is told to stop, restart and wait.

#include <signal.h>

#include <catch2/catch.hpp>
#include <string>

#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "tests/integration/http_app.h"
#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::runtime::v1;

std::shared_ptr<grpc::Channel> Channel(uint16_t port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(LoopbackAddress(port), grpc::InsecureChannelCredentials(),
                                   arguments);
}

// Whether a line of metrics is there.
bool HasSample(uint16_t port, const std::string& path, const std::string& line) {
  const HttpResponse response = Http(port, "GET", path);
  return response.status == 200 &&
         ("\n" + response.body).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("the public port knows health and metadata, without a token") {
  SchedulerProcess scheduler;
  const uint16_t port = FreePort();
  SidecarProcess sidecar({.scheduler = scheduler.address(),
                          .flags = {"--dapr-public-port=" + std::to_string(port),
                                    "--dapr-public-listen-address=127.0.0.1"},
                          .environment = {{"DAPR_API_TOKEN", "secret"}}});
  CHECK(Http(port, "GET", "/v1.0/healthz").status == 204);
  CHECK(Http(port, "GET", "/v1.0/healthz/outbound").status == 204);
  CHECK_THAT(Http(port, "GET", "/v1.0/metadata").body, Catch::Contains(scheduler.address()));
  CHECK(Http(port, "GET", "/v1.0/jobs/job").status == 404);
  CHECK(Http(port, "POST", "/v1.0/jobs/job", R"({"dueTime":"1h"})").status == 404);
  CHECK(Http(port, "PUT", "/v1.0/metadata/a", "b").status == 404);
  CHECK(Http(port, "POST", "/v1.0/shutdown").status == 404);
  CHECK(SchedulerClient(scheduler.address()).Names().empty());
}

TEST_CASE("what becomes of deliveries is counted, at any path of the metrics port") {
  SchedulerProcess scheduler;
  HttpApp app(0, [](const AppRequest& request) {
    return AppReply{request.target == "/job/good" ? 200 : request.target == "/job/bad" ? 500 : 404};
  });
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  SchedulerClient client(scheduler.address());
  // Nothing is told of what has not happened.
  CHECK(Http(sidecar.metrics_port(), "GET", "/metrics").body.empty());
  for (const char* name : {"good", "bad", "unknown"}) {
    REQUIRE(client.Schedule(name, WithDrop(DueIn("0s"))).ok());
  }
  const std::string labels = R"({app_id="app",namespace="",operation="job_trigger_op"} )";
  for (const char* path : {"/metrics", "/", "/other"}) {
    INFO(path);
    CHECK(Eventually([&] {
      return HasSample(sidecar.metrics_port(), path,
                       "dapr_component_job_success_count" + labels + "1");
    }));
    CHECK(Eventually([&] {
      return HasSample(sidecar.metrics_port(), path,
                       "dapr_component_job_failure_count" + labels + "2");
    }));
  }
  CHECK(HasSample(sidecar.metrics_port(), "/metrics",
                  "# TYPE dapr_component_job_latencies histogram"));
}

TEST_CASE("no more calls reach the app at once than the sidecar was told") {
  SchedulerProcess scheduler;
  constexpr std::chrono::milliseconds kWork(300);
  HttpApp app(0, [kWork](const AppRequest&) { return AppReply{200, kWork}; });
  SidecarProcess sidecar({.scheduler = scheduler.address(),
                          .app_port = app.port(),
                          .flags = {"--app-max-concurrency", "1"}});
  SchedulerClient client(scheduler.address());
  for (const char* name : {"a", "b", "c"}) {
    REQUIRE(client.Schedule(name, WithDrop(DueIn("0s"))).ok());
  }
  REQUIRE(app.WaitForJobs(3));
  const auto jobs = app.jobs();
  for (size_t i = 1; i < jobs.size(); ++i) {
    CHECK(jobs[i].arrived - jobs[i - 1].arrived >= absl::FromChrono(kWork));
  }
}

TEST_CASE("the port of sidecars among themselves listens and knows nothing") {
  const uint16_t port = FreePort();
  SidecarProcess sidecar({.scheduler = "",
                          .flags = {"--dapr-internal-grpc-port=" + std::to_string(port),
                                    "--dapr-internal-grpc-listen-address=127.0.0.1"}});
  const auto stub = pb::Dapr::NewStub(Channel(port));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
  pb::GetMetadataResponse response;
  CHECK(stub->GetMetadata(&context, pb::GetMetadataRequest(), &response).error_code() ==
        grpc::StatusCode::UNIMPLEMENTED);
}

TEST_CASE("there is no server reflection, and clients are told so in the way they expect") {
  SidecarProcess sidecar({.scheduler = ""});
  grpc::GenericStub stub(Channel(sidecar.grpc_port()));
  for (const char* version : {"v1", "v1alpha"}) {
    INFO(version);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
    grpc::CompletionQueue queue;
    const grpc::ByteBuffer request;
    const auto call = stub.PrepareUnaryCall(
        &context,
        std::string("/grpc.reflection.") + version + ".ServerReflection/ServerReflectionInfo",
        request, &queue);
    call->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    call->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    REQUIRE(queue.Next(&tag, &ok));
    CHECK(status.error_code() == grpc::StatusCode::UNIMPLEMENTED);
  }
}

TEST_CASE("a hangup restarts the sidecar within its process") {
  SchedulerProcess scheduler;
  HttpApp app;
  const uint16_t port = FreePort();
  SidecarProcess sidecar({.scheduler = scheduler.address(),
                          .app_port = app.port(),
                          .flags = {"--dapr-http-port=" + std::to_string(port)}});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("before", WithDrop(DueIn("0s"))).ok());
  REQUIRE(app.WaitForJobs(1));
  // What clients have set is gone after the restart: that is how the test sees it.
  REQUIRE(sidecar.Http("PUT", "/v1.0/metadata/mark", "set").status == 204);
  sidecar.process().Signal(SIGHUP);
  REQUIRE(Eventually([&] {
    const HttpResponse metadata = sidecar.Http("GET", "/v1.0/metadata");
    return metadata.status == 200 && metadata.body.find("mark") == std::string::npos;
  }));
  CHECK(Eventually([&] { return sidecar.IsHealthy(); }));
  REQUIRE(client.Schedule("after", WithDrop(DueIn("0s"))).ok());
  REQUIRE(app.WaitForJobs(2));
  CHECK(app.jobs()[1].target == "/job/after");
  CHECK(sidecar.Terminate() == 0);
}

TEST_CASE("a request ends the sidecar") {
  SidecarProcess sidecar({.scheduler = ""});
  CHECK(sidecar.Http("POST", "/v1.0/shutdown").status == 204);
  CHECK(sidecar.process().Wait() == 0);
}

TEST_CASE("one sidecar can wait for another") {
  SidecarProcess sidecar({.scheduler = ""});
  const CommandResult result = RunCommand(
      "belfry-sidecar", {"--wait", "--dapr-http-port=" + std::to_string(sidecar.http_port())});
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
}

}  // namespace
}  // namespace belfry::integration
