#include "tests/integration/scheduler_process.h"

#include <signal.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <utility>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "tests/integration/ports.h"

namespace belfry::integration {

SchedulerProcess::SchedulerProcess(SchedulerOptions options) : options_(std::move(options)) {
  Start();
}

void SchedulerProcess::Start() {
  REQUIRE((process_ == nullptr || options_.port != 0));
  const std::string ports_file = dir_ / "ports";
  std::filesystem::remove(ports_file);
  std::vector<std::string> arguments = {"--listen-address=127.0.0.1",
                                        "--healthz-listen-address=127.0.0.1",
                                        "--port=" + std::to_string(options_.port),
                                        "--healthz-port=0",
                                        "--metrics-port=0",
                                        "--ports-file=" + ports_file,
                                        "--data-dir=" + data_dir()};
  arguments.insert(arguments.end(), options_.flags.begin(), options_.flags.end());
  process_.reset();  // prints its output first, if the test has failed
  process_ = std::make_unique<Process>(
      ProcessOptions{"belfry-scheduler", std::move(arguments), {}, dir_ / "log", {}});
  port_ = WaitForPort(*process_, ports_file, "port");
  healthz_port_ = WaitForPort(*process_, ports_file, "healthz_port");
  metrics_port_ = WaitForPort(*process_, ports_file, "metrics_port");
}

std::optional<int> SchedulerProcess::Terminate() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

std::string SchedulerProcess::address() const { return LoopbackAddress(port_); }

std::unique_ptr<dapr::proto::scheduler::v1::Scheduler::Stub> SchedulerProcess::NewStub() const {
  return NewSchedulerStub(address());
}

std::unique_ptr<dapr::proto::scheduler::v1::Scheduler::Stub> NewSchedulerStub(
    const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A scheduler that comes back is found soon.
  constexpr int kReconnectPauseMs = 100;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectPauseMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectPauseMs);
  return dapr::proto::scheduler::v1::Scheduler::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

}  // namespace belfry::integration
