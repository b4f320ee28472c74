// Scheduler, sidecar and app start, stop and start again in any order.

#include <signal.h>

#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <string>

#include "tests/integration/http_app.h"
#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

TEST_CASE("an app that starts after its sidecar") {
  const uint16_t port = FreePort();
  SchedulerProcess scheduler;
  SidecarProcess sidecar(
      {.scheduler = scheduler.address(), .app_port = port, .wait_until_healthy = false});
  SchedulerClient client(scheduler.address());
  // The API is there at once; triggers wait until the app is.
  CHECK(sidecar.Http("GET", "/v1.0/healthz/outbound").status == 204);
  CHECK(sidecar
            .Http("POST", "/v1.0/jobs/early",
                  R"({"dueTime":"0s","failurePolicy":{"drop":{}},"data":"hello"})")
            .status == 204);
  CHECK(Never([&] { return !client.Has("early"); }));
  const HttpResponse health = sidecar.Http("GET", "/v1.0/healthz");
  CHECK(health.status == 500);
  CHECK_THAT(health.body, Catch::Contains("ERR_HEALTH_NOT_READY"));

  HttpApp app(port);
  REQUIRE(app.WaitForJobs(1));
  CHECK(app.jobs()[0].body == "\"hello\"");
  CHECK(Eventually([&] { return sidecar.IsHealthy(); }));
  CHECK(Eventually([&] { return !client.Has("early"); }));
}

TEST_CASE("without an app every trigger fails") {
  SchedulerProcess scheduler;
  SidecarProcess sidecar({.scheduler = scheduler.address()});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("drop", WithDrop(DueIn("0s"))).ok());
  constexpr uint32_t kManyRetries = 100000;
  REQUIRE(client.Schedule("retry", WithRetries(DueIn("0s"), kManyRetries, 20)).ok());
  CHECK(Eventually([&] { return !client.Has("drop"); }));
  CHECK(Never([&] { return !client.Has("retry"); }));
}

TEST_CASE("a sidecar that starts before the scheduler") {
  const uint16_t port = FreePort();
  HttpApp app;
  SidecarProcess sidecar(
      {.scheduler = LoopbackAddress(port), .app_port = app.port(), .wait_until_healthy = false});
  CHECK(sidecar.Http("GET", "/v1.0/healthz/outbound").status == 204);
  CHECK(Eventually([&] {
    const HttpResponse health = sidecar.Http("GET", "/v1.0/healthz");
    return health.body.find("dapr is not ready: [scheduler-watch-hosts]") != std::string::npos;
  }));
  // A request that comes too early is not lost but waits.
  std::future<HttpResponse> early = std::async(std::launch::async, [&] {
    return sidecar.Http("POST", "/v1.0/jobs/early", R"({"dueTime":"0s"})");
  });
  CHECK(early.wait_for(kQuietTime) == std::future_status::timeout);

  SchedulerProcess scheduler({.port = port});
  CHECK(early.get().status == 204);
  CHECK(Eventually([&] { return sidecar.IsHealthy(); }));
  CHECK(app.WaitForJobs(1));
}

TEST_CASE("a sidecar without a scheduler says so at once") {
  SidecarProcess sidecar({.scheduler = ""});
  CHECK(sidecar.IsHealthy());
  const HttpResponse response = sidecar.Http("POST", "/v1.0/jobs/job", R"({"dueTime":"1h"})");
  CHECK(response.status == 500);
  CHECK_THAT(response.body,
             Catch::Contains("failed to schedule job due to: scheduler clients are disabled"));
}

TEST_CASE("a scheduler that is restarted under running sidecars") {
  const bool in_good_order = GENERATE(true, false);
  SchedulerProcess scheduler({.port = FreePort()});
  HttpApp app;
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  CHECK(sidecar.Http("POST", "/v1.0/jobs/tick", R"({"schedule":"@every 100ms"})").status == 204);
  REQUIRE(app.WaitForJobs(2));
  if (in_good_order) {
    CHECK(scheduler.Terminate() == 0);
  } else {
    scheduler.Kill();
  }
  const size_t before = app.job_count();
  CHECK(sidecar.Http("GET", "/v1.0/healthz/outbound").status == 204);
  // What is asked for meanwhile is answered afterwards. Only a request that was on its way when the
  // connection broke may fail, as nobody knows whether it was taken.
  std::future<HttpResponse> meanwhile = std::async(std::launch::async, [&] {
    const auto post = [&] {
      return sidecar.Http("POST", "/v1.0/jobs/meanwhile", R"({"dueTime":"0s"})");
    };
    const HttpResponse first = post();
    return first.status == 503 ? post() : first;
  });
  CHECK(meanwhile.wait_for(kQuietTime) == std::future_status::timeout);
  scheduler.Start();
  CHECK(meanwhile.get().status == 204);
  CHECK(app.WaitForJobs(before + 5));
  CHECK(Eventually([&] { return app.jobs("/job/meanwhile").size() == 1; }));
  CHECK(sidecar.Http("DELETE", "/v1.0/jobs/tick").status == 204);
  // One may have been on its way.
  const size_t at_delete = app.job_count();
  CHECK(Never([&] { return app.job_count() > at_delete + 1; }));
}

TEST_CASE("a sidecar that is told to stop lets its app finish") {
  SchedulerProcess scheduler;
  HttpApp app(0, [](const AppRequest&) { return AppReply{200, std::chrono::milliseconds(800)}; });
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("slow", WithDrop(DueIn("0s"))).ok());
  REQUIRE(app.WaitForJobs(1));
  CHECK(sidecar.Terminate() == 0);
  // Its answer has arrived: nobody gets the job again.
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("a sidecar that cannot have its ports says so") {
  SidecarProcess first({.scheduler = ""});
  const auto run = [](uint16_t http_port, uint16_t grpc_port, uint16_t metrics_port) {
    return RunCommand("belfry-sidecar",
                      {"--app-id=second", "--dapr-http-port=" + std::to_string(http_port),
                       "--dapr-grpc-port=" + std::to_string(grpc_port),
                       "--metrics-port=" + std::to_string(metrics_port),
                       "--dapr-listen-addresses=127.0.0.1", "--metrics-listen-address=127.0.0.1"});
  };
  const auto check = [](const CommandResult& result, uint16_t taken) {
    CHECK(result.exit_code == 1);
    CHECK_THAT(result.out + result.err, Catch::Contains(std::to_string(taken)));
  };
  check(run(first.http_port(), 0, 0), first.http_port());
  check(run(0, first.grpc_port(), 0), first.grpc_port());
  check(run(0, 0, first.metrics_port()), first.metrics_port());
}

}  // namespace
}  // namespace belfry::integration
