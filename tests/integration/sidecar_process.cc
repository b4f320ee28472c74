#include "tests/integration/sidecar_process.h"

#include <signal.h>

#include <catch2/catch.hpp>
#include <utility>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "tests/integration/ports.h"

namespace belfry::integration {

SidecarProcess::SidecarProcess(const SidecarOptions& options) {
  const std::string ports_file = dir_ / "ports";
  std::vector<std::string> arguments = {
      "--app-id=" + options.app_id,
      "--scheduler-host-address=" + options.scheduler,
      "--dapr-http-port=0",
      "--dapr-grpc-port=0",
      "--metrics-port=0",
      "--dapr-listen-addresses=127.0.0.1",
      "--metrics-listen-address=127.0.0.1",
      "--ports-file=" + ports_file,
  };
  if (options.app_port != 0) {
    arguments.push_back("--app-port=" + std::to_string(options.app_port));
    arguments.push_back("--app-protocol=" + options.app_protocol);
  }
  arguments.insert(arguments.end(), options.flags.begin(), options.flags.end());
  std::map<std::string, std::string> environment = options.environment;
  if (!options.ns.empty()) environment["NAMESPACE"] = options.ns;
  process_ = std::make_unique<Process>(ProcessOptions{
      "belfry-sidecar", std::move(arguments), std::move(environment), dir_ / "log", {}});
  http_port_ = WaitForPort(*process_, ports_file, "http");
  grpc_port_ = WaitForPort(*process_, ports_file, "grpc");
  metrics_port_ = WaitForPort(*process_, ports_file, "metrics");
  grpc::ChannelArguments channel_arguments;
  channel_arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  stub_ = dapr::proto::runtime::v1::Dapr::NewStub(grpc::CreateCustomChannel(
      LoopbackAddress(grpc_port_), grpc::InsecureChannelCredentials(), channel_arguments));
  if (options.wait_until_healthy) REQUIRE(Eventually([this] { return IsHealthy(); }));
}

std::optional<int> SidecarProcess::Terminate() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

}  // namespace belfry::integration
