// The HTTP API answers alike over both versions of HTTP.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "client/sidecar/http_api.h"
#include "client/sidecar/http_server.h"
#include "tests/unit/sidecar/fake_connection.h"
#include "tests/unit/sidecar/http2_client.h"
#include "tests/unit/sidecar/loopback.h"

namespace belfry::sidecar {
namespace {

constexpr std::size_t kMaxBody = 100'000;

// The API on a port, with a scheduler in memory.
struct ServedApi {
  ServedApi() {
    config.app_id = "my-app";
    config.dapr_api_token = "secret";
    hosts.Update({"a:1"});
    health.SetServing();
    health.SetAppConnected();
    HttpServerOptions options;
    options.max_body_bytes = kMaxBody;
    server = std::make_unique<HttpServer>(threads.io(), options,
                                          [this](HttpRequest request, HttpRespond respond) {
                                            api.Handle(std::move(request), std::move(respond));
                                          });
    REQUIRE(server->Listen("127.0.0.1", 0).ok());
  }
  ~ServedApi() {
    server->Close();
    jobs.Close();
    threads.Stop();
  }

  static JobsApiOptions Options() {
    JobsApiOptions options;
    options.app_id = "my-app";
    options.threads = 2;
    return options;
  }

  Config config;
  std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>();
  SchedulerHosts hosts{true, connection};
  Health health{hosts};
  Metadata metadata{config, hosts};
  JobsApi jobs{Options(), connection, hosts};
  HttpApi api{config, jobs, metadata, health, [] {}};
  IoThreads threads;
  std::unique_ptr<HttpServer> server;
};

struct Answer {
  int status = 0;
  std::string content_type;
  std::string body;
  bool operator==(const Answer&) const = default;
};

Answer OverHttp1(int port, const std::string& method, const std::string& target,
                 const std::string& body, const std::string& token) {
  RawConnection connection(port);
  connection.Send(method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
                  "dapr-api-token: " + token + "\r\n" +
                  "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  const std::string text = connection.ReadAll();
  Answer answer;
  answer.status = std::stoi(text.substr(9, 3));
  constexpr std::string_view kType = "Content-Type: ";
  const std::size_t head_end = text.find("\r\n\r\n");
  if (const std::size_t at = text.find(kType); at < head_end) {
    answer.content_type = text.substr(at + kType.size(), text.find("\r\n", at) - at - kType.size());
  }
  answer.body = text.substr(head_end + 4);
  return answer;
}

Answer OverHttp2(Http2Client& client, const std::string& method, const std::string& target,
                 const std::string& body, const std::string& token) {
  const auto response = client.Request(method, target, body, {{"dapr-api-token", token}});
  const auto type = response.headers.find("content-type");
  return {response.status, type == response.headers.end() ? "" : type->second, response.body};
}

TEST_CASE("http2 api: every call, and every error, as over HTTP/1.1") {
  struct Case {
    std::string method, target, body, token = "secret";
    int status;
  };
  const std::vector<Case> cases = {
      {"POST", "/v1.0/jobs/a", R"({"dueTime":"1h","data":{"k":[1,"x"]},"overwrite":true})",
       "secret", 204},
      {"GET", "/v1.0/jobs/a", "", "secret", 200},
      {"POST", "/v1.0-alpha1/jobs/b%2Fc+d", R"({"schedule":"@daily","overwrite":true})", "secret",
       204},
      {"GET", "/v1.0-alpha1/jobs/b%2Fc+d?x=y", "", "secret", 200},
      {"POST", "/v1.0/jobs/a", R"({"dueTime":"1h"})", "secret", 409},
      {"GET", "/v1.0/jobs/missing", "", "secret", 500},
      {"POST", "/v1.0/jobs/a", R"({"dueTime":1})", "secret", 400},
      {"POST", "/v1.0/jobs/a", "{}", "secret", 400},
      {"POST", "/v1.0/jobs/a", std::string(kMaxBody + 1, ' '), "secret", 400},
      {"POST", "/v1.0/jobs/%2", "{}", "secret", 400},
      {"POST", "/v1.0/jobs/x", "{}", "wrong", 401},
      {"GET", "/v1.0/healthz", "", "", 204},
      {"GET", "/v1.0/healthz/outbound", "", "", 204},
      {"PUT", "/v1.0/metadata/k", "v", "secret", 204},
      {"GET", "/v1.0/metadata", "", "secret", 200},
      {"GET", "/openapi.json", "", "secret", 200},
      {"PUT", "/v1.0/jobs/a", "{}", "secret", 404},
      {"GET", "/nowhere", "", "secret", 404},
      {"DELETE", "/v1.0/jobs/a", "", "secret", 204},
      {"POST", "/v1.0/shutdown", "", "secret", 204},
  };
  ServedApi api;
  Http2Client client(api.server->port());
  for (const Case& c : cases) {
    CAPTURE(c.method, c.target);
    const Answer newer = OverHttp2(client, c.method, c.target, c.body, c.token);
    CHECK(newer.status == c.status);
    const Answer older = OverHttp1(api.server->port(), c.method, c.target, c.body, c.token);
    CHECK(newer.status == older.status);
    CHECK(newer.content_type == older.content_type);
    CHECK(newer.body == older.body);
  }
}

TEST_CASE("http2 api: a thousand jobs over one connection") {
  constexpr int kJobs = 1000;
  ServedApi api;
  Http2Client client(api.server->port());
  std::vector<int32_t> streams;
  for (int i = 0; i < kJobs; ++i) {
    streams.push_back(client.Start("POST", "/v1.0/jobs/job-" + std::to_string(i),
                                   R"({"dueTime":"1h"})", {{"dapr-api-token", "secret"}}));
    if (streams.size() < kMaxHttp2Streams) continue;
    for (const int32_t stream : std::exchange(streams, {})) {
      CHECK(client.Wait(stream).status == 204);
    }
  }
  for (const int32_t stream : streams) CHECK(client.Wait(stream).status == 204);
  CHECK(api.connection->jobs().size() == kJobs);
}

}  // namespace
}  // namespace belfry::sidecar
