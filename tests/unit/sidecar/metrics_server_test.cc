#include <prometheus/counter.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "client/sidecar/metrics.h"
#include "tests/unit/sidecar/loopback.h"

namespace belfry::sidecar {
namespace {

struct Fixture {
  Fixture() {
    prometheus::BuildCounter().Name("things").Help("h").Register(*registry).Add({}).Increment();
    auto started = MetricsServer::Start(threads.io(), "127.0.0.1", 0, registry);
    REQUIRE(started.ok());
    server = *std::move(started);
  }
  ~Fixture() { threads.Stop(); }

  std::string Ask(const std::string& method, const std::string& path) {
    RawConnection client(server->port());
    client.Send(method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    return client.ReadAll();
  }

  IoThreads threads;
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::unique_ptr<MetricsServer> server;
};

TEST_CASE("metrics server: the metrics are at every path, as they are when they are asked for") {
  Fixture f;
  for (const char* path : {"/metrics", "/", "/what/ever?x=y"}) {
    const std::string answer = f.Ask("GET", path);
    CAPTURE(path, answer);
    CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n") !=
          std::string::npos);
    CHECK(answer.find("# TYPE things counter\nthings 1\n") != std::string::npos);
  }
}

TEST_CASE("metrics server: only reading is possible") {
  Fixture f;
  CHECK(f.Ask("POST", "/metrics").starts_with("HTTP/1.1 405 "));
  const std::string head = f.Ask("HEAD", "/metrics");
  CHECK(head.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(head.find("things 1") == std::string::npos);
}

TEST_CASE("metrics server: a taken port is an error that names it") {
  Fixture f;
  const auto second =
      MetricsServer::Start(f.threads.io(), "127.0.0.1", f.server->port(), f.registry);
  CHECK(second.status().code() == absl::StatusCode::kUnavailable);
  CHECK(std::string(second.status().message()).find(std::to_string(f.server->port())) !=
        std::string::npos);
}

}  // namespace
}  // namespace belfry::sidecar
