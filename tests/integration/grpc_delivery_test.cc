// Jobs on their way to a gRPC app: what the app gets, and what its answer leads to.

#include <catch2/catch.hpp>
#include <map>
#include <mutex>
#include <string>

#include "tests/integration/grpc_app.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::scheduler::v1;

SidecarOptions OptionsFor(const SchedulerProcess& scheduler, const GrpcApp& app) {
  return {.scheduler = scheduler.address(), .app_port = app.port(), .app_protocol = "grpc"};
}

TEST_CASE("a gRPC app gets a job exactly as it was scheduled") {
  SchedulerProcess scheduler;
  GrpcApp app(AppServices::kBoth);
  SidecarOptions options = OptionsFor(scheduler, app);
  options.environment = {{"APP_API_TOKEN", "secret"}};
  SidecarProcess sidecar(options);
  SchedulerClient client(scheduler.address());
  std::map<std::string, pb::Job> jobs;
  jobs["a b%c@d"] = WithText(DueIn("0s"), "text");
  jobs["none"] = DueIn("0s");
  pb::Job& raw = jobs["raw"] = DueIn("0s");
  raw.mutable_data()->set_value(" {\"from\":\"sdk\"}\n");
  pb::Job& unknown = jobs["unknown"] = DueIn("0s");
  unknown.mutable_data()->set_type_url("dapr.io/schedule/jobpayload");
  unknown.mutable_data()->set_value(std::string("a\0b", 3));
  for (const auto& [name, job] : jobs) REQUIRE(client.Schedule(name, job).ok());

  REQUIRE(app.WaitForEvents(jobs.size()));
  for (const AppEvent& event : app.events()) {
    const auto& request = event.request;
    INFO(request.name());
    CHECK(event.rpc == "OnJobEvent");
    REQUIRE(jobs.count(request.name()) == 1);
    const pb::Job& job = jobs.at(request.name());
    CHECK(request.has_data() == job.has_data());
    CHECK(request.data().SerializeAsString() == job.data().SerializeAsString());
    CHECK(request.content_type() == job.data().type_url());
    CHECK(request.method() == "job/" + request.name());
    CHECK(request.http_extension().verb() == dapr::proto::common::v1::HTTPExtension::POST);
    REQUIRE(event.metadata.count("dapr-api-token") == 1);
    CHECK(event.metadata.find("dapr-api-token")->second == "secret");
    jobs.erase(request.name());
  }
  CHECK(jobs.empty());
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("an app that knows only the older call gets that") {
  SchedulerProcess scheduler;
  GrpcApp app(AppServices::kAlpha);
  SidecarProcess sidecar(OptionsFor(scheduler, app));
  SchedulerClient client(scheduler.address());
  pb::Job job = WithText(Recurring("@every 10ms"), "text");
  job.set_repeats(3);
  REQUIRE(client.Schedule("old", job).ok());
  REQUIRE(app.WaitForEvents(3));
  CHECK(Eventually([&] { return client.Names().empty(); }));
  CHECK(app.events().size() == 3);
  for (const AppEvent& event : app.events()) {
    CHECK(event.rpc == "OnJobEventAlpha1");
    CHECK(event.request.name() == "old");
    CHECK(event.request.data().SerializeAsString() == job.data().SerializeAsString());
    CHECK(event.metadata.count("dapr-api-token") == 0);
  }
}

TEST_CASE("an app that knows neither call has failed") {
  SchedulerProcess scheduler;
  GrpcApp app(AppServices::kNone);
  SidecarProcess sidecar(OptionsFor(scheduler, app));
  SchedulerClient client(scheduler.address());
  constexpr uint32_t kManyRetries = 100000;
  REQUIRE(client.Schedule("retry", WithRetries(DueIn("0s"), kManyRetries, 50)).ok());
  REQUIRE(client.Schedule("drop", WithDrop(DueIn("0s"))).ok());
  CHECK(Eventually([&] { return !client.Has("drop"); }));
  CHECK(Never([&] { return !client.Has("retry"); }));
}

TEST_CASE("the status of a gRPC app decides whether it is tried again") {
  constexpr int kIntervalMs = 50;
  SchedulerProcess scheduler;
  // Jobs are named for the status that they are answered with.
  GrpcApp app(AppServices::kStable, [](const AppEvent& event) {
    return grpc::Status(static_cast<grpc::StatusCode>(std::stoi(event.request.name())), "scripted");
  });
  SidecarProcess sidecar(OptionsFor(scheduler, app));
  SchedulerClient client(scheduler.address());
  std::map<std::string, size_t> expected;
  for (int code = grpc::StatusCode::OK; code <= grpc::StatusCode::UNAUTHENTICATED; ++code) {
    const bool settles = code == grpc::StatusCode::OK || code == grpc::StatusCode::NOT_FOUND;
    const std::string name = std::to_string(code);
    REQUIRE(client.Schedule(name, WithRetries(DueIn("0s"), 2, kIntervalMs)).ok());
    expected[name] = settles ? 1 : 3;
  }
  CHECK(Eventually([&] { return client.Names().empty(); }));
  std::map<std::string, size_t> deliveries;
  for (const AppEvent& event : app.events()) ++deliveries[event.request.name()];
  CHECK(deliveries == expected);
}

}  // namespace
}  // namespace belfry::integration
