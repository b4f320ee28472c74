#include "client/sidecar/http_api.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "tests/unit/sidecar/fake_connection.h"
#include "tests/unit/sidecar/waiter.h"

namespace belfry::sidecar {
namespace {

TEST_CASE("tokens are equal only as a whole") {
  const std::string_view token("se\0cret", 7);
  CHECK(TokensEqual(token, token));
  CHECK(TokensEqual("", ""));
  for (const std::string_view other :
       {std::string_view(), token.substr(0, 6), token.substr(1), std::string_view("se\0cres", 7),
        std::string_view("Se\0cret", 7), std::string_view("se\0cret\0", 8)}) {
    CHECK_FALSE(TokensEqual(token, other));
    CHECK_FALSE(TokensEqual(other, token));
  }
}

Config MakeConfig() {
  Config config;
  config.app_id = "my-app";
  return config;
}

JobsApiOptions Options() {
  JobsApiOptions options;
  options.app_id = "my-app";
  options.threads = 2;
  return options;
}

struct Fixture {
  explicit Fixture(Config c = MakeConfig()) : config(std::move(c)) {}

  HttpResponse Send(HttpRequest request) {
    Waiter<HttpResponse> waiter;
    api.Handle(std::move(request), [&](HttpResponse response) { waiter.Put(std::move(response)); });
    auto response = waiter.Take();
    REQUIRE(response);
    return *response;
  }
  HttpResponse Send(const std::string& method, const std::string& target,
                    const std::string& body = "") {
    HttpRequest request;
    request.method = method;
    request.target = target;
    request.body = body;
    return Send(std::move(request));
  }
  HttpResponse SendPublic(const std::string& method, const std::string& target) {
    Waiter<HttpResponse> waiter;
    HttpRequest request;
    request.method = method;
    request.target = target;
    api.HandlePublic(std::move(request),
                     [&](HttpResponse response) { waiter.Put(std::move(response)); });
    auto response = waiter.Take();
    REQUIRE(response);
    return *response;
  }

  Config config;
  std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>();
  SchedulerHosts hosts{true, connection};
  Health health{hosts};
  Metadata metadata{config, hosts};
  JobsApi jobs{Options(), connection, hosts};
  int shutdowns = 0;
  HttpApi api{config, jobs, metadata, health, [this] { ++shutdowns; }};
};

constexpr char kNoRoute[] =
    R"({"errorCode":"ERR_DIRECT_INVOKE","message":"failed getting app id either from the URL path )"
    R"(or the header dapr-app-id"})";

TEST_CASE("http api: schedule, read and delete, on both prefixes") {
  const std::string prefix = GENERATE(as<std::string>(), "/v1.0-alpha1", "/v1.0");
  Fixture f;
  f.hosts.Update({"a:1"});
  const auto post = f.Send("POST", prefix + "/jobs/x", R"({"schedule":"@daily","repeats":5})");
  CHECK(post.status == 204);
  CHECK(post.body.empty());
  CHECK(post.content_type.empty());
  const auto get = f.Send("GET", prefix + "/jobs/x");
  CHECK(get.status == 200);
  CHECK(get.content_type == "application/json");
  CHECK(get.body == R"({"name":"x","schedule":"@daily","repeats":5})");
  CHECK(f.Send("DELETE", prefix + "/jobs/x").status == 204);
  CHECK(f.Send("DELETE", prefix + "/jobs/x").status == 204);
  const auto missing = f.Send("GET", prefix + "/jobs/x");
  CHECK(missing.status == 500);
  CHECK(missing.body ==
        R"({"errorCode":"DAPR_SCHEDULER_GET_JOB","message":"failed to get job due to: rpc error: )"
        R"(code = NotFound desc = job not found: x","details":[{"@type":)"
        R"("type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{"appID":)"
        R"("my-app","namespace":"default"},"reason":"DAPR_SCHEDULER_GET_JOB"}]})");
}

TEST_CASE("http api: the example of the alpha1 reference") {
  Fixture f;
  f.hosts.Update({"a:1"});
  const char* body =
      R"({"job":{"data":{"@type":"type.googleapis.com/google.protobuf.StringValue","value":)"
      R"("Running spice"},"schedule":"@every 1m","repeats":5}})";
  CHECK(f.Send("POST", "/v1.0-alpha1/jobs/jobforjabba", body).status == 204);
  CHECK(f.Send("GET", "/v1.0-alpha1/jobs/jobforjabba").body ==
        R"({"name":"jobforjabba","schedule":"@every 1m","repeats":5,"data":{"@type":)"
        R"("type.googleapis.com/google.protobuf.StringValue","value":"Running spice"}})");
  // As printed there, with `schedule` misspelt.
  const auto misspelt =
      f.Send("POST", "/v1.0-alpha1/jobs/other", R"({"job":{"scheudle":"@every 1m","repeats":5}})");
  CHECK(misspelt.status == 400);
  CHECK(misspelt.body.find("Schedule is empty") != std::string::npos);
}

TEST_CASE("http api: bad requests") {
  Fixture f;
  f.hosts.Update({"a:1"});
  const auto [target, body, code] = GENERATE(table<std::string, std::string, std::string>({
      {"/v1.0/jobs/x", "{", "ERR_MALFORMED_REQUEST"},
      {"/v1.0/jobs/x", "[{}]", "ERR_MALFORMED_REQUEST"},
      {"/v1.0/jobs/x", R"({"repeats":-1})", "ERR_MALFORMED_REQUEST"},
      {"/v1.0/jobs/x", R"({"name":"x","schedule":"@daily"})", "DAPR_SCHEDULER_JOB_NAME"},
      {"/v1.0/jobs/%20", R"({"schedule":"@daily"})", "DAPR_SCHEDULER_JOB_NAME_EMPTY"},
      {"/v1.0/jobs/+", R"({"schedule":"@daily"})", "DAPR_SCHEDULER_JOB_NAME_EMPTY"},
      {"/v1.0/jobs/x", "{}", "DAPR_SCHEDULER_SCHEDULE_EMPTY"},
      {"/v1.0/jobs/x", "", "DAPR_SCHEDULER_SCHEDULE_EMPTY"},
      {"/v1.0/jobs/%FF", R"({"schedule":"@daily"})", "DAPR_SCHEDULER_SCHEDULE_JOB"},
  }));
  CAPTURE(target, body);
  const auto response = f.Send("POST", target, body);
  CHECK(response.status == 400);
  CHECK(response.content_type == "application/json");
  CHECK(response.body.starts_with("{\"errorCode\":\"" + code + "\""));
  CHECK(f.connection->jobs().empty());
}

TEST_CASE("http api: the text for a malformed body, byte for byte") {
  Fixture f;
  CHECK(f.Send("POST", "/v1.0/jobs/x", R"({"schedule":"@daily","repeats":-1})").body ==
        R"({"errorCode":"ERR_MALFORMED_REQUEST","message":"failed deserializing HTTP body: proto: )"
        R"((line 1:32): invalid value for uint32 field repeats: -1"})");
}

TEST_CASE("http api: a body over the limit") {
  Fixture f;
  HttpRequest request;
  request.method = "POST";
  request.target = "/v1.0/jobs/x";
  request.body_too_large = true;
  const auto response = f.Send(std::move(request));
  CHECK(response.status == 400);
  CHECK(
      response.body ==
      R"({"errorCode":"ERR_BODY_READ","message":"failed to read request body: stream too large"})");
}

TEST_CASE("http api: failures of the scheduler") {
  Fixture f;
  f.hosts.Update({"a:1"});
  f.connection->SetFailure(absl::InvalidArgumentError("bad schedule"));
  const auto bad = f.Send("POST", "/v1.0/jobs/x", R"({"schedule":"61 * * * * *"})");
  CHECK(bad.status == 400);
  CHECK(bad.body.find("failed to schedule job due to: rpc error: code = InvalidArgument desc = bad "
                      "schedule") != std::string::npos);
  f.connection->SetFailure(absl::DeadlineExceededError("late"));
  CHECK(f.Send("POST", "/v1.0/jobs/x", R"({"schedule":"@daily"})").status == 504);
  CHECK(f.Send("GET", "/v1.0/jobs/x").status == 500);
  CHECK(f.Send("DELETE", "/v1.0/jobs/x").status == 500);
}

TEST_CASE("http api: names in paths") {
  Fixture f;
  f.hosts.Update({"a:1"});
  const auto [target, name] = GENERATE(table<std::string, std::string>({
      {"/v1.0/jobs/a%2Fb", "a/b"},
      {"/v1.0/jobs/a+b", "a b"},
      {"/v1.0/jobs/%20a%20", "a"},
      {"/v1.0//jobs/./a/", "a"},
      {"/v1.0/jobs/b/../a?x=y", "a"},
      {"/v1.0/jobs/%2e%2e", ".."},
      {"/v1.0/jobs/%C3%A4", "\u00e4"},
      {"http://localhost:3500/v1.0/jobs/a", "a"},
  }));
  CAPTURE(target);
  CHECK(f.Send("POST", target, R"({"schedule":"@daily"})").status == 204);
  CHECK(f.connection->last_request().name() == name);
}

TEST_CASE("http api: only POST takes white space off a name") {
  Fixture f;
  f.hosts.Update({"a:1"});
  CHECK(f.Send("POST", "/v1.0/jobs/a", R"({"schedule":"@daily"})").status == 204);
  CHECK(f.Send("GET", "/v1.0/jobs/%20a").status == 500);
}

TEST_CASE("http api: a bad escape is a bad request") {
  Fixture f;
  const auto response = f.Send("GET", "/v1.0/jobs/50%");
  CHECK(response.status == 400);
  CHECK(response.content_type == "text/plain; charset=utf-8");
}

TEST_CASE("http api: everything else is taken for a call of another app") {
  Fixture f;
  const auto [method, target] = GENERATE(table<std::string, std::string>({
      {"PUT", "/v1.0/jobs/x"},
      {"PATCH", "/v1.0-alpha1/jobs/x"},
      {"HEAD", "/v1.0/jobs/x"},
      {"OPTIONS", "/v1.0/jobs/x"},
      {"POST", "/v1.0/jobs/"},
      {"GET", "/v1.0/jobs"},
      {"GET", "/v1.0/jobs/a/b"},
      {"GET", "/v2.0/jobs/a"},
      {"GET", "/"},
      {"POST", "/v1.0/healthz"},
      {"GET", "/v1.0/shutdown"},
  }));
  CAPTURE(method, target);
  const auto response = f.Send(method, target);
  CHECK(response.status == 404);
  CHECK(response.content_type == "application/json");
  CHECK(response.body == kNoRoute);
}

TEST_CASE("http api: a token is asked for, except for health") {
  Config config = MakeConfig();
  config.dapr_api_token = "secret";
  Fixture f(config);
  f.health.SetServing();
  const auto refused = f.Send("GET", "/v1.0/metadata");
  CHECK(refused.status == 401);
  CHECK(refused.body == "invalid api token\n");
  CHECK(refused.content_type == "text/plain; charset=utf-8");
  CHECK(f.Send("GET", "/nothing").status == 401);
  CHECK(f.Send("GET", "/v1.0/healthz/outbound").status == 204);
  CHECK(f.Send("GET", "/v1.0/healthz").status == 500);
  HttpRequest request;
  request.method = "GET";
  request.target = "/v1.0/metadata";
  request.api_token = "secreT";
  CHECK(f.Send(request).status == 401);
  request.api_token = "secret";
  CHECK(f.Send(request).status == 200);
  CHECK(f.SendPublic("GET", "/v1.0/metadata").status == 200);
}

TEST_CASE("http api: health follows what is ready") {
  Fixture f;
  const auto outbound = f.Send("GET", "/v1.0/healthz/outbound");
  CHECK(outbound.status == 500);
  CHECK(outbound.body == R"({"errorCode":"ERR_OUTBOUND_HEALTH_NOT_READY","message":)"
                         R"("dapr outbound is not ready"})");
  f.health.SetServing();
  CHECK(f.Send("GET", "/v1.0/healthz/outbound").status == 204);
  CHECK(f.Send("GET", "/v1.0/healthz").body ==
        R"({"errorCode":"ERR_HEALTH_NOT_READY","message":)"
        R"("dapr is not ready: [runtime scheduler-watch-hosts]"})");
  f.hosts.Update({"a:1"});
  CHECK(f.Send("GET", "/v1.0/healthz").status == 500);
  f.health.SetAppConnected();
  CHECK(f.Send("GET", "/v1.0/healthz").status == 204);
  CHECK(f.Send("GET", "/v1.0/healthz?appid=my-app").status == 204);
  const auto other = f.Send("GET", "/v1.0/healthz?x=1&appid=other");
  CHECK(other.status == 500);
  CHECK(other.body.starts_with(R"({"errorCode":"ERR_HEALTH_APPID_NOT_MATCH")"));
  f.health.SetStopping();
  CHECK(f.Send("GET", "/v1.0/healthz").status == 500);
  CHECK(f.Send("GET", "/v1.0/healthz/outbound").status == 500);
}

TEST_CASE("http api: metadata") {
  Config config = MakeConfig();
  config.app_port = 3000;
  config.app_max_concurrency = 4;
  config.enable_app_health_check = true;
  Fixture f(config);
  f.hosts.Update({"b:2", "a:1"});
  CHECK(f.Send("PUT", "/v1.0/metadata/my%20key", "a \"value\"").status == 204);
  CHECK(f.Send("GET", "/v1.0/metadata").body ==
        R"({"id":"my-app","runtimeVersion":")" BELFRY_VERSION
        R"(","extended":{"daprRuntimeVersion":")" BELFRY_VERSION
        R"(","my key":"a \"value\""},"appConnectionProperties":{"port":3000,"protocol":"http",)"
        R"("channelAddress":"127.0.0.1","maxConcurrency":4,"health":{"healthCheckPath":"/healthz",)"
        R"("healthProbeInterval":"5s","healthProbeTimeout":"500ms","healthThreshold":3}},)"
        R"("actorRuntime":{"runtimeStatus":"DISABLED","hostReady":false},)"
        R"("scheduler":{"connected_addresses":["a:1","b:2"]}})");
}

TEST_CASE("http api: what clients add to the metadata has a limit") {
  Fixture f;
  CHECK(f.Send("PUT", "/v1.0/metadata/k", std::string(kMaxMetadataBytes, 'x')).status == 429);
  CHECK(f.Send("PUT", "/v1.0/metadata/k", "\xff").status == 400);
  for (std::size_t i = 0; i < kMaxMetadataEntries; ++i) {
    REQUIRE(f.metadata.Set("k" + std::to_string(i), "v").ok());
  }
  CHECK_FALSE(f.metadata.Set("one more", "v").ok());
  CHECK(f.metadata.Set("k0", "other").ok());
}

TEST_CASE("http api: shutdown") {
  Fixture f;
  CHECK(f.Send("POST", "/v1.0/shutdown").status == 204);
  CHECK(f.shutdowns == 1);
}

TEST_CASE("http api: the public port knows health and metadata only") {
  Fixture f;
  f.health.SetServing();
  CHECK(f.SendPublic("GET", "/v1.0/healthz").status == 500);
  CHECK(f.SendPublic("GET", "/v1.0/healthz/outbound").status == 204);
  CHECK(f.SendPublic("GET", "/v1.0/metadata").status == 200);
  CHECK(f.SendPublic("GET", "/v1.0/jobs/x").status == 404);
  CHECK(f.SendPublic("POST", "/v1.0/shutdown").status == 404);
  CHECK(f.SendPublic("PUT", "/v1.0/metadata/a").status == 404);
  CHECK(f.shutdowns == 0);
}

}  // namespace
}  // namespace belfry::sidecar
