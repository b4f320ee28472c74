// Jobs on their way to an HTTP app: what the app gets, and what its answer leads to.

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <string>

#include "google/protobuf/struct.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "tests/integration/http_app.h"
#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::scheduler::v1;

TEST_CASE("an HTTP app gets a job as a POST of its payload") {
  SchedulerProcess scheduler;
  HttpApp app;
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  // What is sent to the sidecar, and what comes out at the app.
  const std::string string_value = R"({"@type":"type.googleapis.com/google.protobuf.StringValue",)";
  const std::string bytes_value = R"({"@type":"type.googleapis.com/google.protobuf.BytesValue",)";
  struct Case {
    std::string path;
    std::string data;  // JSON; empty for none
    std::string body;
  };
  std::map<std::string, Case> cases = {
      {"/job/text", {"v1.0-alpha1/jobs/text", string_value + R"("value":" x y ")" + "}", " x y "}},
      {"/job/quoted", {"v1.0-alpha1/jobs/quoted", string_value + R"("value":"\"a\""})", "\"a\""}},
      {"/job/bytes",
       {"v1.0-alpha1/jobs/bytes", bytes_value + R"("value":"AAEK/w=="})",
        std::string("\0\1\n\xFF", 4)}},
      {"/job/none", {"v1.0-alpha1/jobs/none", "", ""}},
      {"/job/null", {"v1.0/jobs/null", "null", "null"}},
      {"/job/number", {"v1.0/jobs/number", "123", "123"}},
      {"/job/object",
       {"v1.0/jobs/object", R"({ "b" : [ 1, 2.5, "<é>" ], "a" : {} })",
        R"({"a":{},"b":[1,2.5,"<é>"]})"}},
      // Names that a URL cannot hold as they are, and a few that it can.
      {"/job/a%20b", {"v1.0/jobs/a%20b", R"("s")", R"("s")"}},
      {"/job/50%25", {"v1.0/jobs/50%25", R"("p")", R"("p")"}},
      {"/job/50%2520off", {"v1.0/jobs/50%2520off", R"("q")", R"("q")"}},
      {"/job/me@home", {"v1.0/jobs/me%40home", R"("m")", R"("m")"}},
      {"/job/%C3%A9", {"v1.0/jobs/%C3%A9", R"("u")", R"("u")"}},
  };
  for (const auto& [target, job] : cases) {
    INFO(target);
    const std::string data = job.data.empty() ? "" : R"(,"data":)" + job.data;
    CHECK(sidecar.Http("POST", "/" + job.path, R"({"dueTime":"0s")" + data + "}").status == 204);
  }
  REQUIRE(app.WaitForJobs(cases.size()));
  for (const AppRequest& request : app.jobs()) {
    INFO(request.target);
    REQUIRE(cases.count(request.target) == 1);
    CHECK(request.method == "POST");
    CHECK(request.body == cases.at(request.target).body);
    CHECK(request.headers.at("content-type") == "application/json");
    CHECK(request.headers.at("content-length") == std::to_string(request.body.size()));
    CHECK(request.headers.count("transfer-encoding") == 0);
    CHECK(request.headers.at("host") == LoopbackAddress(app.port()));
    CHECK(request.headers.count("dapr-api-token") == 0);
    cases.erase(request.target);
  }
  CHECK(cases.empty());
  SchedulerClient client(scheduler.address());
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("payloads that came over gRPC: raw bytes stay raw bytes") {
  SchedulerProcess scheduler;
  HttpApp app;
  SidecarProcess sidecar({.scheduler = scheduler.address(),
                          .app_port = app.port(),
                          .environment = {{"APP_API_TOKEN", "secret"}}});
  SchedulerClient client(scheduler.address());
  pb::Job job = DueIn("0s");
  job.mutable_data()->set_value(" {\"from\":\"sdk\"}\n");
  REQUIRE(client.Schedule("untyped", job).ok());
  job.mutable_data()->set_type_url("dapr.io/schedule/jobpayload");
  job.mutable_data()->set_value(std::string("a\0b", 3));
  REQUIRE(client.Schedule("unknown", job).ok());
  google::protobuf::Int64Value number;
  number.set_value(123);
  job.mutable_data()->PackFrom(number);
  REQUIRE(client.Schedule("wire", job).ok());
  job.mutable_data()->PackFrom(google::protobuf::Value());
  REQUIRE(client.Schedule("kindless", job).ok());
  const std::string large(3 << 20, 'x');
  REQUIRE(client.Schedule("large", WithText(DueIn("0s"), large)).ok());

  REQUIRE(app.WaitForJobs(5));
  const auto body = [&app](const std::string& target) { return app.jobs(target).at(0).body; };
  CHECK(body("/job/untyped") == R"({"from":"sdk"})");
  CHECK(body("/job/unknown") == std::string("a\0b", 3));
  CHECK(body("/job/wire") == "\b{");
  CHECK(body("/job/kindless") == "");
  CHECK((body("/job/large") == large));
  for (const AppRequest& request : app.jobs()) {
    CHECK(request.headers.at("dapr-api-token") == "secret");
  }
}

// An app that answers each job as its name says: "500-2-x" fails twice and is fine then.
AppReply AnswerByName(std::map<std::string, int>* tries, const AppRequest& request) {
  const std::string name = request.target.substr(std::string("/job/").size());
  const int status = std::stoi(name);
  const int failures = std::stoi(name.substr(name.find('-') + 1));
  return {(*tries)[name]++ < failures ? status : 200};
}

TEST_CASE("what the app answers decides whether it is tried again") {
  constexpr int kIntervalMs = 50;
  constexpr int kAlways = 1000;
  SchedulerProcess scheduler;
  std::map<std::string, int> tries;  // the app's thread only
  HttpApp app(0, [&](const AppRequest& request) { return AnswerByName(&tries, request); });
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  SchedulerClient client(scheduler.address());
  std::map<std::string, size_t> expected;
  const auto add = [&](int status, int failures, const pb::Job& job, size_t deliveries) {
    const std::string name = std::to_string(status) + "-" + std::to_string(failures) + "-" +
                             std::to_string(expected.size());
    REQUIRE(client.Schedule(name, job).ok());
    expected["/job/" + name] = deliveries;
  };
  const pb::Job now = DueIn("0s");
  // Fine, and given up: no handler for it.
  for (const int status : {200, 201, 204, 299, 404}) {
    add(status, kAlways, WithRetries(now, 5, kIntervalMs), 1);
  }
  // Everything else is a failure.
  for (const int status : {301, 400, 409, 429, 500, 503}) {
    add(status, kAlways, WithRetries(now, 2, kIntervalMs), 3);
    add(status, 1, WithRetries(now, 2, kIntervalMs), 2);
    add(status, kAlways, WithDrop(now), 1);
    add(status, kAlways, WithRetries(now, 0, kIntervalMs), 1);
  }
  // Retries are counted anew for each tick, and a tick that is given up counts as one.
  pb::Job twice = WithRetries(Recurring("@every 10ms"), 1, kIntervalMs);
  twice.set_repeats(2);
  add(500, kAlways, twice, 4);
  // An interval that is absent is none, a limit that is absent is none.
  pb::Job for_ever = now;
  for_ever.mutable_failure_policy()->mutable_constant();
  add(500, 20, for_ever, 21);

  CHECK(Eventually([&] { return client.Names().empty(); }));
  for (const auto& [target, deliveries] : expected) {
    INFO(target);
    CHECK(app.jobs(target).size() == deliveries);
  }
}

TEST_CASE("without a policy of its own a job is tried again after a second") {
  SchedulerProcess scheduler;
  std::map<std::string, int> tries;
  HttpApp app(0, [&](const AppRequest& request) { return AnswerByName(&tries, request); });
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("500-1-x", DueIn("0s")).ok());
  REQUIRE(app.WaitForJobs(2));
  const auto requests = app.jobs();
  CHECK(requests[1].arrived - requests[0].arrived >= absl::Seconds(1));
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("an app that cannot be reached has failed") {
  const uint16_t port = FreePort();
  SchedulerProcess scheduler;
  auto app = std::make_unique<HttpApp>(port);
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = port});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("before", DueIn("0s")).ok());
  REQUIRE(app->WaitForJobs(1));
  app.reset();

  REQUIRE(client.Schedule("drop", WithDrop(DueIn("0s"))).ok());
  CHECK(Eventually([&] { return !client.Has("drop"); }));
  constexpr uint32_t kManyRetries = 100000;
  REQUIRE(
      client.Schedule("retry", WithRetries(WithText(DueIn("0s"), "still here"), kManyRetries, 100))
          .ok());
  CHECK(Never([&] { return !client.Has("retry"); }));
  app = std::make_unique<HttpApp>(port);
  REQUIRE(app->WaitForJobs(1));
  CHECK(app->jobs()[0].target == "/job/retry");
  CHECK(app->jobs()[0].body == "still here");
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("a slow handler delays nobody but its own job") {
  constexpr std::chrono::milliseconds kSlow{1500};
  SchedulerProcess scheduler;
  HttpApp app(0, [&](const AppRequest& request) {
    return AppReply{200, request.target == "/job/slow" ? kSlow : std::chrono::milliseconds(0)};
  });
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("slow", Recurring("@every 1ms")).ok());
  REQUIRE(app.WaitForJobs(1));
  pb::Job quick = Recurring("@every 20ms");
  quick.set_repeats(20);
  REQUIRE(client.Schedule("quick", quick).ok());
  REQUIRE(Eventually([&] { return app.jobs("/job/quick").size() == 20; }));
  // One tick at a time, however many are due.
  const auto slow = app.jobs("/job/slow");
  for (size_t i = 1; i < slow.size(); ++i) {
    CHECK(slow[i].arrived - slow[i - 1].arrived >= absl::FromChrono(kSlow));
  }
  REQUIRE(Eventually([&] { return app.jobs("/job/slow").size() >= 2; }));
}

TEST_CASE("a call that takes longer than the sidecar was told to allow has failed") {
  SchedulerProcess scheduler;
  HttpApp app(0, [](const AppRequest&) { return AppReply{200, std::chrono::minutes(1)}; });
  SidecarProcess sidecar({.scheduler = scheduler.address(),
                          .app_port = app.port(),
                          .flags = {"--app-request-timeout=200ms"}});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("hang", WithRetries(DueIn("0s"), 1, 1)).ok());
  CHECK(Eventually([&] { return !client.Has("hang"); }));
  CHECK(app.job_count() == 2);
}

}  // namespace
}  // namespace belfry::integration
