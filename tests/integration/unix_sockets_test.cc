// A sidecar that serves on Unix sockets instead of ports.

#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "tests/integration/jobs_api.h"
#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/support/temp_dir.h"

namespace belfry::integration {
namespace {

using UnixProtocol = boost::asio::local::stream_protocol;

// The answer to a request, or nothing if nobody listens.
std::string Ask(const std::string& path, const std::string& request) {
  boost::asio::io_context io;
  UnixProtocol::socket socket(io);
  boost::system::error_code error;
  socket.connect(UnixProtocol::endpoint(path), error);
  if (error) return "";
  boost::asio::write(socket, boost::asio::buffer(request), error);
  std::string answer;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answer), error);
  return answer;
}

std::string Request(const std::string& line, const std::string& body = "") {
  return line + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST_CASE("both APIs on Unix sockets, named as the reference names them, and no port") {
  SchedulerProcess scheduler;
  const TempDir dir;
  const std::string http = dir / "dapr-app-http.socket";
  const std::string grpc = dir / "dapr-app-grpc.socket";
  const auto start = [&] {
    std::filesystem::remove(dir / "ports");
    auto process = std::make_unique<Process>(
        ProcessOptions{"belfry-sidecar",
                       {"--app-id=app", "--scheduler-host-address=" + scheduler.address(),
                        "--unix-domain-socket=" + dir.path().string(), "--metrics-port=0",
                        "--metrics-listen-address=127.0.0.1", "--ports-file=" + (dir / "ports")},
                       {},
                       dir / "log",
                       {}});
    CHECK(WaitForPort(*process, dir / "ports", "http") == 0);
    CHECK(WaitForPort(*process, dir / "ports", "grpc") == 0);
    REQUIRE(Eventually(
        [&] { return Ask(http, Request("GET /v1.0/healthz")).starts_with("HTTP/1.1 204"); }));
    return process;
  };
  auto process = start();
  CHECK(
      Ask(http, Request("POST /v1.0/jobs/job", R"({"dueTime":"1h"})")).starts_with("HTTP/1.1 204"));
  ::grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto stub = dapr::proto::runtime::v1::Dapr::NewStub(
      ::grpc::CreateCustomChannel("unix:" + grpc, ::grpc::InsecureChannelCredentials(), arguments));
  JobsApi api(stub.get(), RpcNames::kStable);
  CHECK(api.Names() == std::vector<std::string>{"job"});

  // What a killed sidecar leaves behind is not in the way of the next one.
  process->Kill();
  CHECK(std::filesystem::exists(http));
  process = start();
  CHECK(Eventually([&] { return api.Get("job").ok(); }));

  process->Signal(SIGTERM);
  CHECK(process->Wait() == 0);
  CHECK_FALSE(std::filesystem::exists(http));
  CHECK_FALSE(std::filesystem::exists(grpc));
}

TEST_CASE("a directory for sockets that does not exist ends the start and says why") {
  const TempDir dir;
  const auto result = RunCommand("belfry-sidecar", {"--app-id=app", "--enable-metrics=false",
                                                    "--unix-domain-socket=" + (dir / "none")});
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.out + result.err, Catch::Contains("does not exist"));
}

}  // namespace
}  // namespace belfry::integration
