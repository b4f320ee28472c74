#include "server/watch_hosts.h"

#include <chrono>
#include <memory>

#include <catch2/catch.hpp>

#include "tests/unit/server/running_server.h"

namespace belfry::server {
namespace {

// Long enough to see that nothing comes.
constexpr std::chrono::milliseconds kQuiet{300};

TEST_CASE("the one host is told once, and the stream stays open") {
  RunningServer server;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kQuiet);
  auto stream = server.stub().WatchHosts(&context, pb::WatchHostsRequest{});
  pb::WatchHostsResponse hosts;
  REQUIRE(stream->Read(&hosts));
  REQUIRE(hosts.hosts_size() == 1);
  CHECK(hosts.hosts(0).address() == "scheduler.example:50006");
  // Only our own time limit ends it.
  CHECK_FALSE(stream->Read(&hosts));
  CHECK(stream->Finish().error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_CASE("a stop ends the stream") {
  RunningServer server;
  grpc::ClientContext context;
  LimitTime(&context);
  auto stream = server.stub().WatchHosts(&context, pb::WatchHostsRequest{});
  pb::WatchHostsResponse hosts;
  REQUIRE(stream->Read(&hosts));
  server.Stop();
  CHECK_FALSE(stream->Read(&hosts));
  CHECK(stream->Finish().error_code() == grpc::StatusCode::UNAVAILABLE);
}

TEST_CASE("a client that leaves does no harm") {
  RunningServer server;
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    LimitTime(&context);
    auto stream = server.stub().WatchHosts(&context, pb::WatchHostsRequest{});
    context.TryCancel();
    pb::WatchHostsResponse hosts;
    while (stream->Read(&hosts)) {
    }
    CHECK(stream->Finish().error_code() == grpc::StatusCode::CANCELLED);
  }
  CHECK(server.List(AppMetadata()).first.ok());
}

TEST_CASE("a second server cannot have the port of the first") {
  RunningServer server;
  SchedulerService service(ServiceContext{nullptr, nullptr, nullptr, nullptr, nullptr});
  const auto second =
      GrpcServer::Start("127.0.0.1", server.port(), grpc::InsecureServerCredentials(), {&service});
  CHECK(absl::IsUnavailable(second.status()));
}

}  // namespace
}  // namespace belfry::server
