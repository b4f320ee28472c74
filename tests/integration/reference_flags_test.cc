// The command lines of a deployment that ran the reference: they are taken as they are, or the
// start ends with a text that says what to do.

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/http_app.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

const std::vector<std::string> kSchedulerFlags = {
    "--tls-enabled=false",
    "--trust-domain=localhost",
    "--trust-anchors-file=/nowhere/ca.crt",
    "--mode=standalone",
    "--id=dapr-scheduler-server-0",
    "--etcd-embed=true",
    "--etcd-initial-cluster=dapr-scheduler-server-0=http://localhost:2380",
    "--etcd-client-port=2379",
    "--etcd-client-listen-address=localhost",
    "--etcd-space-quota=16Gi",
    "--etcd-compaction-mode=periodic",
    "--etcd-compaction-retention=10m",
    "--etcd-snapshot-count=10000",
    "--etcd-max-snapshots=10",
    "--etcd-max-wals=10",
    "--etcd-backend-batch-limit=5000",
    "--etcd-backend-batch-interval=50ms",
    "--etcd-max-txn-ops=10000",
    "--etcd-experimental-bootstrap-defrag-threshold-megabytes=100",
    "--etcd-initial-election-tick-advance",
    "--etcd-metrics=basic",
    "--workers=2048",
    "--identity-directory-write=/nowhere/tls",
    "--log-as-json",
    "--metrics-listen-address=127.0.0.1"};

const std::vector<std::string> kSidecarFlags = {"--mode=standalone",
                                                "--placement-host-address=127.0.0.1:1",
                                                "--control-plane-address=",
                                                "--control-plane-trust-domain=localhost",
                                                "--control-plane-namespace=default",
                                                "--sentry-address=",
                                                "--enable-mtls=false",
                                                "--allowed-origins=*",
                                                "--enable-profiling=false",
                                                "--profile-port=7777",
                                                "--resources-path=/nowhere/resources",
                                                "--config=/nowhere/config.yaml",
                                                "--disable-builtin-k8s-secret-store",
                                                "--unix-domain-socket=",
                                                "--log-as-json"};

TEST_CASE("with the whole command line of the reference, jobs reach their app") {
  SchedulerProcess scheduler({.flags = kSchedulerFlags});
  HttpApp app;
  SidecarProcess sidecar(
      {.scheduler = scheduler.address(), .app_port = app.port(), .flags = kSidecarFlags});
  CHECK(sidecar.Http("POST", "/v1.0/jobs/job", R"({"dueTime":"0s","data":1})").status == 204);
  REQUIRE(app.WaitForJobs(1));
  CHECK(app.jobs()[0].body == "1");

  const auto has = [&](const std::string& line) {
    const std::string body = Http(scheduler.metrics_port(), "GET", "/metrics").body;
    return ("\n" + body).find("\n" + line + "\n") != std::string::npos;
  };
  // The job may have come before the last of the streams.
  CHECK(Eventually([&] { return has("dapr_scheduler_sidecars_connected 3"); }));
  CHECK(has("dapr_scheduler_jobs_created_total{type=\"job\"} 1"));
  CHECK(Eventually([&] { return has("dapr_scheduler_jobs_triggered_total{type=\"job\"} 1"); }));
  CHECK(has("# TYPE dapr_scheduler_trigger_latency histogram"));
  CHECK_FALSE(has("# TYPE dapr_scheduler_jobs_deleted_total counter"));
  // Under the names of an etcd, for those who watch it.
  CHECK(has("etcd_server_has_leader 1"));
  CHECK(has("# TYPE etcd_mvcc_db_total_size_in_bytes gauge"));
  CHECK(has("# TYPE process_resident_memory_bytes gauge"));
}

TEST_CASE("a command line that would split or expose the jobs ends the scheduler's start") {
  const std::string flag = GENERATE(
      as<std::string>(), "--etcd-initial-cluster=a=http://a:2380,b=http://b:2380",
      "--etcd-embed=false", "--tls-enabled", "--mode=kubernetes", "--sentry-address=sentry:443");
  CAPTURE(flag);
  const TempDir dir;
  const CommandResult result = RunCommand(
      "belfry-scheduler", {"--port=0", "--healthz-port=0", "--metrics-port=0",
                           "--listen-address=127.0.0.1", "--data-dir=" + (dir / "data"), flag});
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.err, Catch::Contains(flag.substr(0, flag.find('='))));
  CHECK_THAT(result.err, Catch::Contains("leave the flag"));
  CHECK_FALSE(std::filesystem::exists(dir / "data"));
}

TEST_CASE("the data of an etcd ends the scheduler's start and stays as it is") {
  const TempDir dir;
  const std::string member = dir / "default-dapr-scheduler-server-0/dapr-0.1/member";
  std::filesystem::create_directories(member);
  const CommandResult result = RunCommand(
      "belfry-scheduler", {"--port=0", "--healthz-port=0", "--metrics-port=0",
                           "--listen-address=127.0.0.1", "--etcd-data-dir=" + (dir / "")});
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.out + result.err, Catch::Contains("etcd"));
  CHECK(std::filesystem::exists(member));
}

TEST_CASE("a command line that asks for security which is not there ends the sidecar's start") {
  const std::string flag = GENERATE(as<std::string>(), "--enable-mtls", "--sentry-address=s:443");
  CAPTURE(flag);
  const CommandResult result = RunCommand("belfry-sidecar", {"--app-id=app", flag});
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.err, Catch::Contains(flag.substr(0, flag.find('='))));
}

}  // namespace
}  // namespace belfry::integration
