// No call of the gRPC API does without the token.

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "client/sidecar/grpc_server.h"
#include "client/sidecar/grpc_service.h"
#include "tests/unit/sidecar/fake_connection.h"

namespace belfry::sidecar {
namespace {

namespace runtime = dapr::proto::runtime::v1;
using Stub = runtime::Dapr::Stub;

constexpr std::size_t kMaxMessageBytes = std::size_t{1} << 20;

// What becomes of an empty request with a token; "" means without one.
template <typename Request, typename Response>
grpc::StatusCode CodeOf(Stub& stub, const std::string& token,
                        grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                     Response*)) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  if (!token.empty()) context.AddMetadata("dapr-api-token", token);
  Response response;
  return (stub.*method)(&context, Request(), &response).error_code();
}

// How many methods the service has, so that none is left out below.
std::size_t CountMethods() {
  std::ifstream proto(BELFRY_TEST_DATA_DIR "/../../proto/dapr/proto/runtime/v1/dapr.proto");
  std::size_t count = 0;
  for (std::string line; std::getline(proto, line);) {
    if (line.starts_with("  rpc ")) ++count;
  }
  return count;
}

std::vector<grpc::StatusCode> CodesOfAll(Stub& stub, const std::string& token) {
  return {CodeOf(stub, token, &Stub::ScheduleJob),
          CodeOf(stub, token, &Stub::ScheduleJobAlpha1),
          CodeOf(stub, token, &Stub::GetJob),
          CodeOf(stub, token, &Stub::GetJobAlpha1),
          CodeOf(stub, token, &Stub::DeleteJob),
          CodeOf(stub, token, &Stub::DeleteJobAlpha1),
          CodeOf(stub, token, &Stub::DeleteJobsByPrefix),
          CodeOf(stub, token, &Stub::DeleteJobsByPrefixAlpha1),
          CodeOf(stub, token, &Stub::ListJobs),
          CodeOf(stub, token, &Stub::ListJobsAlpha1),
          CodeOf(stub, token, &Stub::GetMetadata),
          CodeOf(stub, token, &Stub::SetMetadata),
          CodeOf(stub, token, &Stub::Shutdown)};
}

TEST_CASE("grpc api: every call that there is asks for the token") {
  Config config;
  config.app_id = "my-app";
  const auto connection = std::make_shared<FakeConnection>();
  SchedulerHosts hosts(true, connection);
  hosts.Update({"a:1"});
  Metadata metadata(config, hosts);
  JobsApiOptions options;
  options.app_id = config.app_id;
  JobsApi jobs(options, connection, hosts);
  std::atomic<int> shutdowns = 0;
  GrpcService service(jobs, metadata, "secret", [&shutdowns] { ++shutdowns; });
  const auto server = GrpcServer::Start({"127.0.0.1"}, 0, {kMaxMessageBytes}, &service);
  REQUIRE(server.ok());
  const auto stub = runtime::Dapr::NewStub(grpc::CreateChannel(
      "127.0.0.1:" + std::to_string((*server)->port()), grpc::InsecureChannelCredentials()));

  for (const std::string token : {"", "secre", "secret2", "SECRET"}) {
    CAPTURE(token);
    const std::vector<grpc::StatusCode> codes = CodesOfAll(*stub, token);
    CHECK(codes.size() == CountMethods());
    for (const grpc::StatusCode code : codes) CHECK(code == grpc::StatusCode::UNAUTHENTICATED);
  }
  CHECK(shutdowns == 0);
  for (const grpc::StatusCode code : CodesOfAll(*stub, "secret")) {
    CHECK(code != grpc::StatusCode::UNAUTHENTICATED);
  }
  CHECK(shutdowns == 1);
  (*server)->Shutdown(absl::Seconds(5));
}

}  // namespace
}  // namespace belfry::sidecar
