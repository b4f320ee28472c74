#include "client/sidecar/wait_command.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>

#include "client/sidecar/http_server.h"
#include "tests/unit/sidecar/loopback.h"

namespace belfry::sidecar {
namespace {

constexpr absl::Duration kPause = absl::Milliseconds(10);

// A sidecar that becomes ready after some requests.
struct FakeSidecar {
  explicit FakeSidecar(int ready_after)
      : server(threads.io(), {}, [this, ready_after](HttpRequest request, HttpRespond respond) {
          target = request.target;
          respond({++requests > ready_after ? 204 : 500, "", ""});
        }) {
    REQUIRE(server.Listen("127.0.0.1", 0).ok());
  }
  ~FakeSidecar() { threads.Stop(); }

  IoThreads threads{1};
  std::atomic<int> requests{0};
  std::string target;  // read when nothing is asked any more
  HttpServer server;
};

TEST_CASE("wait: ends when the sidecar says that calls can be made") {
  FakeSidecar sidecar(2);
  CHECK(WaitUntilOutboundReady(sidecar.server.port(), absl::Seconds(30), kPause).ok());
  CHECK(sidecar.requests == 3);
  CHECK(sidecar.target == "/v1.0/healthz/outbound");
}

TEST_CASE("wait: has a limit, and tells the last answer and the port") {
  FakeSidecar sidecar(1'000'000);
  const int port = sidecar.server.port();
  const auto status = WaitUntilOutboundReady(port, absl::Milliseconds(50), kPause);
  CHECK(status.code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(std::string(status.message()).find("status 500") != std::string::npos);
  CHECK(std::string(status.message()).find(std::to_string(port)) != std::string::npos);
}

TEST_CASE("wait: a sidecar that is not there is not ready") {
  int port = 0;
  {
    const FakeSidecar gone(0);
    port = gone.server.port();
  }
  const auto status = WaitUntilOutboundReady(port, absl::Milliseconds(50), kPause);
  CHECK(status.code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(std::string(status.message()).find("cannot connect") != std::string::npos);
}

}  // namespace
}  // namespace belfry::sidecar
