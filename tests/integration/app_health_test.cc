// Apps whose health the sidecar watches: while one is unwell it gets nothing, and nothing is lost.

#include <signal.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/integration/grpc_app.h"
#include "tests/integration/http_app.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

const std::vector<std::string> kWatchHealth = {
    "--enable-app-health-check", "--app-health-probe-interval=1", "--app-health-probe-timeout=900",
    "--app-health-threshold=1"};

// How many streams of sidecars the scheduler has.
bool HasStreams(const SchedulerProcess& scheduler, int count) {
  const std::string metrics = Http(scheduler.metrics_port(), "GET", "/metrics").body;
  const std::string sample = "\ndapr_scheduler_sidecars_connected " + std::to_string(count) + "\n";
  return metrics.find(sample) != std::string::npos;
}

TEST_CASE("an HTTP app gets nothing while it is unhealthy, and everything afterwards") {
  SchedulerProcess scheduler;
  HttpApp app;
  app.SetHealthy(false);
  SidecarProcess sidecar(
      {.scheduler = scheduler.address(), .app_port = app.port(), .flags = kWatchHealth});
  SchedulerClient client(scheduler.address());
  // An app counts as unhealthy until it has said otherwise; the sidecar itself is ready.
  CHECK(sidecar.Http("POST", "/v1.0/jobs/first", R"({"dueTime":"0s","failurePolicy":{"drop":{}}})")
            .status == 204);
  CHECK(Never([&] { return app.job_count() > 0; }));
  app.SetHealthy(true);
  REQUIRE(app.WaitForJobs(1));
  CHECK(Eventually([&] { return HasStreams(scheduler, 3); }));

  app.SetHealthy(false);
  REQUIRE(Eventually([&] { return HasStreams(scheduler, 0); }));
  // The API goes on meanwhile.
  CHECK(sidecar.Http("POST", "/v1.0/jobs/second", R"({"dueTime":"0s","failurePolicy":{"drop":{}}})")
            .status == 204);
  CHECK(sidecar.Http("GET", "/v1.0/jobs/second").status == 200);
  CHECK(sidecar.IsHealthy());
  CHECK(Never([&] { return app.job_count() > 1; }));

  app.SetHealthy(true);
  REQUIRE(app.WaitForJobs(2));
  CHECK(app.jobs()[1].target == "/job/second");
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("a delivery that is cut off because the app became unhealthy costs no attempt") {
  SchedulerProcess scheduler;
  // The first one hangs.
  std::atomic<int> count{0};
  HttpApp app(0, [&count](const AppRequest&) {
    return AppReply{200, std::chrono::milliseconds(++count == 1 ? 60'000 : 0)};
  });
  SidecarProcess sidecar(
      {.scheduler = scheduler.address(), .app_port = app.port(), .flags = kWatchHealth});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("job", WithDrop(DueIn("0s"))).ok());
  REQUIRE(app.WaitForJobs(1));
  app.SetHealthy(false);
  REQUIRE(Eventually([&] { return HasStreams(scheduler, 0); }));
  CHECK(client.Has("job"));
  app.SetHealthy(true);
  REQUIRE(app.WaitForJobs(2));
  CHECK(Eventually([&] { return !client.Has("job"); }));
}

TEST_CASE("a sidecar may have to go on before it stops, until its app is unhealthy") {
  SchedulerProcess scheduler;
  HttpApp app;
  std::vector<std::string> flags = kWatchHealth;
  flags.push_back("--dapr-block-shutdown-duration=1h");
  SidecarProcess sidecar(
      {.scheduler = scheduler.address(), .app_port = app.port(), .flags = flags});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("before", WithDrop(DueIn("0s"))).ok());
  REQUIRE(app.WaitForJobs(1));
  sidecar.process().Signal(SIGTERM);
  CHECK(Never([&] { return !sidecar.IsHealthy(); }));
  REQUIRE(client.Schedule("meanwhile", WithDrop(DueIn("0s"))).ok());
  REQUIRE(app.WaitForJobs(2));
  app.SetHealthy(false);
  CHECK(sidecar.process().Wait() == 0);
}

TEST_CASE("a gRPC app is asked for its health by its own call") {
  SchedulerProcess scheduler;
  GrpcApp app(AppServices::kStable);
  app.SetHealthy(false);
  SidecarProcess sidecar({.scheduler = scheduler.address(),
                          .app_port = app.port(),
                          .app_protocol = "grpc",
                          .flags = kWatchHealth});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("first", WithDrop(DueIn("0s"))).ok());
  CHECK(Never([&] { return !app.events().empty(); }));
  app.SetHealthy(true);
  REQUIRE(app.WaitForEvents(1));
  app.SetHealthy(false);
  REQUIRE(Eventually([&] { return HasStreams(scheduler, 0); }));
  REQUIRE(client.Schedule("second", WithDrop(DueIn("0s"))).ok());
  CHECK(Never([&] { return app.events().size() > 1; }));
  app.SetHealthy(true);
  REQUIRE(app.WaitForEvents(2));
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

}  // namespace
}  // namespace belfry::integration
