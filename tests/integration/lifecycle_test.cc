// The scheduler as a process: how it starts, what keeps it from starting, how it ends.

#include <signal.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "google/protobuf/empty.pb.h"
#include "grpcpp/client_context.h"
#include "tests/integration/http_app.h"
#include "tests/integration/http_client.h"
#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"
#include "tests/integration/watcher.h"
#include "tests/support/mute_client.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::scheduler::v1;

// The time that the scheduler gives to calls at its end, and some for the end itself.
constexpr std::chrono::seconds kStopLimit{7};

CommandResult RunScheduler(const std::string& data_dir, const std::vector<std::string>& flags) {
  std::vector<std::string> arguments = {"--listen-address=127.0.0.1",
                                        "--healthz-listen-address=127.0.0.1", "--healthz-port=0",
                                        "--metrics-port=0", "--data-dir=" + data_dir};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return RunCommand("belfry-scheduler", arguments);
}

TEST_CASE("a second scheduler cannot have the data directory of the first") {
  SchedulerProcess first;
  SchedulerClient client(first.address());
  REQUIRE(client.Schedule("job", DueIn("1h")).ok());
  const CommandResult second = RunScheduler(first.data_dir(), {"--port=0"});
  CHECK(second.exit_code == 1);
  CHECK_THAT(second.out + second.err, Catch::Contains(first.data_dir()));
  CHECK_THAT(second.out + second.err, Catch::Contains("in use"));
  CHECK(client.Names() == std::vector<std::string>{"job"});
}

TEST_CASE("a scheduler that cannot have its ports says which and ends") {
  SchedulerProcess first;
  const TempDir dir;
  const std::string port = std::to_string(first.port());
  const std::string healthz_port = std::to_string(first.healthz_port());
  const std::string metrics_port = std::to_string(first.metrics_port());
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--port=" + port}, port},
      {{"--port=0", "--healthz-port=" + healthz_port}, healthz_port},
      {{"--port=0", "--metrics-port=" + metrics_port}, metrics_port},
  };
  for (const auto& [flags, taken] : cases) {
    INFO(flags.back());
    const CommandResult second = RunScheduler(dir / "data", flags);
    CHECK(second.exit_code == 1);
    CHECK_THAT(second.out + second.err, Catch::Contains("cannot listen"));
    CHECK_THAT(second.out + second.err, Catch::Contains(taken));
  }
  CHECK(Http(first.healthz_port(), "GET", "/healthz").status == 200);
}

TEST_CASE("with port 0 each listener gets a port of its own and serves there") {
  SchedulerProcess a;
  SchedulerProcess b;
  const std::set<uint16_t> ports{a.port(),         b.port(),         a.healthz_port(),
                                 b.healthz_port(), a.metrics_port(), b.metrics_port()};
  CHECK(ports.size() == 6);
  CHECK(ports.count(0) == 0);
  for (const SchedulerProcess* scheduler : {&a, &b}) {
    CHECK(Http(scheduler->healthz_port(), "GET", "/healthz").status == 200);
    CHECK(Http(scheduler->healthz_port(), "GET", "/elsewhere").status == 404);
    const HttpResponse metrics = Http(scheduler->metrics_port(), "GET", "/metrics");
    CHECK(metrics.status == 200);
    CHECK_THAT(metrics.body, Catch::Contains("# TYPE"));
    SchedulerClient client(scheduler->address());
    CHECK(client.Schedule("job", DueIn("1h")).ok());
  }
}

TEST_CASE("a signal ends the scheduler in time whatever is connected, and nothing is lost") {
  const int signal = GENERATE(SIGTERM, SIGINT);
  SchedulerProcess scheduler({.port = FreePort()});
  SchedulerClient client(scheduler.address());
  // A stream that has said nothing, one with a trigger in its hands, one that waits for triggers,
  // one for hosts, and a sidecar's.
  Watcher silent(scheduler.address());
  Watcher busy(scheduler.address(), WatchApp("app"));
  REQUIRE(client.Schedule("in-flight", WithDrop(WithText(DueIn("0s"), "payload"))).ok());
  REQUIRE(busy.Next().has_value());
  Watcher idle(scheduler.address(), WatchApp("app"));
  const auto stub = scheduler.NewStub();
  grpc::ClientContext hosts_context;
  hosts_context.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
  const auto hosts = stub->WatchHosts(&hosts_context, pb::WatchHostsRequest());
  pb::WatchHostsResponse response;
  REQUIRE(hosts->Read(&response));
  HttpApp app;
  SidecarProcess sidecar(
      {.scheduler = scheduler.address(), .app_id = "other", .app_port = app.port()});
  CHECK(Http(scheduler.healthz_port(), "GET", "/healthz").status == 200);

  const auto begin = std::chrono::steady_clock::now();
  scheduler.process().Signal(signal);
  // Not ready first: refused with 503, or there is nobody left to say so.
  CHECK(
      Eventually([&] { return Http(scheduler.healthz_port(), "GET", "/healthz").status != 200; }));
  CHECK(scheduler.process().Wait() == 0);
  CHECK(std::chrono::steady_clock::now() - begin < kStopLimit);
  CHECK(Http(scheduler.healthz_port(), "GET", "/healthz").status == 0);
  for (Watcher* watcher : {&silent, &busy, &idle}) {
    const auto status = watcher->Finish();
    REQUIRE(status.has_value());
    CHECK_FALSE(status->ok());
  }

  scheduler.Start();
  Watcher after(scheduler.address(), WatchApp("app"));
  const auto trigger = after.Next();
  REQUIRE(trigger.has_value());
  CHECK(trigger->name() == "in-flight");
  CHECK_THAT(trigger->data().value(), Catch::Contains("payload"));
}

TEST_CASE("a scheduler whose data directory is taken away ends") {
  SchedulerProcess scheduler({.port = FreePort()});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("job", DueIn("1h")).ok());
  const std::filesystem::path directory = scheduler.data_dir();
  std::filesystem::rename(directory, directory.string() + ".moved");
  CHECK(scheduler.process().Wait() == 1);
  CHECK_THAT(scheduler.process().Output(), Catch::Contains("was removed or moved away"));
  std::filesystem::rename(directory.string() + ".moved", directory);
  scheduler.Start();
  CHECK(client.Has("job"));
}

TEST_CASE("clients that take nothing do not hold up the end") {
  constexpr int kJobs = 100;
  constexpr size_t kStalledBytes = size_t{64} << 10;
  // Keepalive would end such a connection too, after its time.
  SchedulerProcess scheduler({.port = 0, .flags = {"--keepalive-timeout=1h"}});
  SchedulerClient client(scheduler.address());
  const std::string large(256 * 1024, 'x');
  for (int i = 0; i < kJobs; ++i) {
    REQUIRE(client.Schedule("job-" + std::to_string(i), WithText(DueIn("0s"), large)).ok());
  }
  MuteClient watcher = MuteClient::ToPort(scheduler.port());
  MuteClient lister = MuteClient::ToPort(scheduler.port());
  MuteClient admin = MuteClient::ToSocket(scheduler.data_dir() + "/admin.sock");
  watcher.Call("/dapr.proto.scheduler.v1.Scheduler/WatchJobs", WatchApp("app"));
  pb::ListJobsRequest list;
  *list.mutable_metadata() = AppMetadata();
  for (int i = 0; i < 3; ++i) {
    lister.Call("/dapr.proto.scheduler.v1.Scheduler/ListJobs", list);
    admin.Call("/belfry.v1.Admin/ListJobs", google::protobuf::Empty());
  }
  for (MuteClient* const mute : {&watcher, &lister, &admin}) {
    REQUIRE(Eventually([&] { return mute->Untaken() > kStalledBytes; }));
  }
  const auto begin = std::chrono::steady_clock::now();
  CHECK(scheduler.Terminate() == 0);
  CHECK(std::chrono::steady_clock::now() - begin < kStopLimit);
}

}  // namespace
}  // namespace belfry::integration
