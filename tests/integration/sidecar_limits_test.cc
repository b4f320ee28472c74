// Clients and schedulers that misbehave towards a sidecar.

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <list>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/jobs_api.h"
#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// A connection that a test feeds by hand.
class Connection {
 public:
  explicit Connection(uint16_t port) : socket_(io_) {
    socket_.connect({asio::ip::address_v4::loopback(), port});
    const timeval limit{kWaitLimit.count(), 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  void Send(const std::string& bytes) {
    // The peer may have closed: that is what some tests are about.
    (void)!::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // What comes until the peer closes, or a limit of time.
  std::string ReadAll() {
    std::string all;
    char bytes[4096];
    while (true) {
      const ssize_t size = ::recv(socket_.native_handle(), bytes, sizeof(bytes), 0);
      if (size <= 0) return all;
      all.append(bytes, static_cast<size_t>(size));
    }
  }

 private:
  asio::io_context io_;
  tcp::socket socket_;
};

// A sidecar with all its ports, and a look at whether it still serves on each of them.
struct Fixture {
  explicit Fixture(std::vector<std::string> flags = {})
      : public_port(FreePort()),
        sidecar({.scheduler = scheduler.address(), .flags = [&] {
                   flags.push_back("--dapr-public-port=" + std::to_string(public_port));
                   flags.push_back("--dapr-public-listen-address=127.0.0.1");
                   return flags;
                 }()}) {}

  std::vector<uint16_t> ports() const {
    return {sidecar.http_port(), sidecar.grpc_port(), public_port, sidecar.metrics_port()};
  }
  void CheckServes() {
    CHECK(sidecar.Http("GET", "/v1.0/healthz").status == 204);
    CHECK(sidecar.Http("POST", "/v1.0/jobs/job", R"({"dueTime":"1h","overwrite":true})").status ==
          204);
    JobsApi api(&sidecar.stub(), RpcNames::kStable);
    CHECK(api.Get("job").ok());
    CHECK(Http(public_port, "GET", "/v1.0/healthz").status == 204);
    CHECK(Http(sidecar.metrics_port(), "GET", "/metrics").status == 200);
  }

  SchedulerProcess scheduler;
  uint16_t public_port;
  SidecarProcess sidecar;
};

std::string RandomBytes(size_t count) {
  static std::mt19937 random{20240424};
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST_CASE("garbage on every port, and the sidecar goes on serving on all of them") {
  Fixture f;
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (const uint16_t port : f.ports()) {
    for (int i = 0; i < 20; ++i) {
      Connection(port).Send(RandomBytes(4096));
      Connection(port).Send(preface + RandomBytes(4096));
      Connection(port).Send("POST /v1.0/jobs/a HTTP/1.1\r\nContent-Length: 10\r\n\r\n12");
      Connection(port).Send("GET / HTTP/1.1\r\n" + std::string(100'000, 'a'));
    }
    Connection(port).Send(std::string(1 << 20, '\0'));
  }
  f.CheckServes();
}

TEST_CASE("many silent connections to every port") {
  constexpr int kMany = 200;
  Fixture f;
  std::list<Connection> silent;
  for (const uint16_t port : f.ports()) {
    for (int i = 0; i < kMany; ++i) silent.emplace_back(port);
  }
  f.CheckServes();
}

TEST_CASE("limits of clients are flags, and are named when they are reached") {
  Fixture f({"--http-max-connections=4", "--http-header-timeout=1s", "--http-idle-timeout=2s",
             "--read-buffer-size=1Ki", "--max-body-size=1Ki"});
  SECTION("a head that never ends") {
    Connection client(f.sidecar.http_port());
    client.Send("GET /v1.0/healthz HTTP/1.1\r\nX: ");
    CHECK(client.ReadAll().empty());
  }
  SECTION("too many connections") {
    std::list<Connection> silent;
    for (int i = 0; i < 4; ++i) silent.emplace_back(f.sidecar.http_port());
    const HttpResponse refused = f.sidecar.Http("GET", "/v1.0/healthz");
    CHECK(refused.status == 503);
    CHECK_THAT(refused.body, Catch::Contains("--http-max-connections"));
    // They have nothing to say and are closed.
    CHECK(Eventually([&] { return f.sidecar.IsHealthy(); }));
  }
  SECTION("a large head") {
    const std::string target = "/v1.0/healthz?" + std::string(6000, 'x');
    const HttpResponse refused = f.sidecar.Http("GET", target);
    CHECK(refused.status == 431);
    CHECK_THAT(refused.body, Catch::Contains("--read-buffer-size"));
  }
  SECTION("a large body") {
    const HttpResponse refused = f.sidecar.Http("POST", "/v1.0/jobs/job", std::string(2000, ' '));
    CHECK(refused.status == 400);
    CHECK_THAT(refused.body, Catch::Contains("stream too large"));
  }
  SECTION("large gRPC metadata and messages") {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
    context.AddMetadata("x", std::string(50'000, 'x'));
    dapr::proto::runtime::v1::GetJobRequest request;
    request.set_name("job");
    dapr::proto::runtime::v1::GetJobResponse response;
    CHECK(f.sidecar.stub().GetJob(&context, request, &response).error_code() ==
          grpc::StatusCode::RESOURCE_EXHAUSTED);
    request.set_name(std::string(2000, 'x'));
    // The first one may have cost the connection, and a call that was on it too.
    CHECK(Eventually([&] {
      grpc::ClientContext second;
      second.set_wait_for_ready(true);
      second.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
      return f.sidecar.stub().GetJob(&second, request, &response).error_code() ==
             grpc::StatusCode::RESOURCE_EXHAUSTED;
    }));
  }
  CHECK(Eventually([&] { return f.sidecar.IsHealthy(); }));
  f.CheckServes();
}

// Counts who connects to a port, and hangs up on them at once.
class HangingUp {
 public:
  HangingUp() : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    Accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~HangingUp() {
    io_.stop();
    thread_.join();
  }
  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  int count() const { return count_; }

 private:
  void Accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, const tcp::socket&) {
      if (error) return;
      ++count_;
      Accept();
    });
  }

  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::atomic<int> count_{0};
  std::thread thread_;
};

TEST_CASE("a scheduler and an app that hang up at once are tried again, with pauses") {
  HangingUp scheduler;
  HangingUp app;
  SidecarProcess sidecar({.scheduler = LoopbackAddress(scheduler.port()),
                          .app_port = app.port(),
                          .flags = {"--enable-app-health-check"},
                          .wait_until_healthy = false});
  CHECK(Eventually([&] { return scheduler.count() > 0 && app.count() > 0; }));
  std::this_thread::sleep_for(std::chrono::seconds(3));
  // One watch of hosts, tried twice a second at most; a probe every five seconds, after the
  // first look at the port.
  CHECK(scheduler.count() < 20);
  CHECK(app.count() < 10);
  CHECK(sidecar.Http("GET", "/v1.0/healthz/outbound").status == 204);
}

}  // namespace
}  // namespace belfry::integration
