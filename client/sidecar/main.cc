// belfry-sidecar: the Jobs API beside one app.

#include <spdlog/spdlog.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "belfry/client.h"
#include "client/net/connection_acceptor.h"
#include "client/sidecar/config.h"
#include "client/sidecar/limits.h"
#include "client/sidecar/log.h"
#include "client/sidecar/sidecar.h"
#include "client/sidecar/wait_command.h"

namespace {

constexpr int kExitStart = 1;

int Run(const belfry::sidecar::Config& config) {
  belfry::sidecar::SetUpLogging(config.log_level, config.log_as_json, config.app_id);
  belfry::net::RaiseDescriptorLimit();
  std::signal(SIGPIPE, SIG_IGN);  // a peer that is gone is an error of the write, not the end
  while (true) {
    spdlog::info("belfry-sidecar {} starts app_id={} namespace={}", BELFRY_VERSION, config.app_id,
                 config.job_namespace);
    belfry::sidecar::Sidecar sidecar(config, belfry::MakeGrpcConnection({}, config.tls));
    if (const absl::Status status = sidecar.Start(); !status.ok()) {
      spdlog::critical("cannot start: {}", std::string(status.message()));
      return kExitStart;
    }
    const auto ending = sidecar.WaitForShutdown();
    sidecar.Shutdown();
    if (ending == belfry::sidecar::Sidecar::Ending::kStop) return 0;
  }
}

int Wait(int http_port) {
  using belfry::sidecar::kWaitLimit;
  using belfry::sidecar::kWaitPause;
  const absl::Status status =
      belfry::sidecar::WaitUntilOutboundReady(http_port, kWaitLimit, kWaitPause);
  if (status.ok()) return 0;
  std::cerr << "belfry-sidecar: " << status.message() << "\n";
  return kExitStart;
}

}  // namespace

int main(int argc, char** argv) {
  // As in the scheduler: no graph of gRPC's locks, which is a help in debugging and costs a tenth
  // of the CPU time of a call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const std::vector<std::string> args(argv + 1, argv + argc);
  const belfry::sidecar::ParsedCommandLine parsed = belfry::sidecar::ParseCommandLine(args);
  if (parsed.run) return Run(parsed.config);
  if (parsed.wait) return Wait(parsed.config.http_port);
  (parsed.exit_code == 0 ? std::cout : std::cerr) << parsed.text;
  return parsed.exit_code;
}
