// belfry-sidecar: the Jobs API beside one app.

#include <spdlog/spdlog.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "belfry/client.h"
#include "client/sidecar/config.h"
#include "client/sidecar/log.h"
#include "client/sidecar/sidecar.h"

namespace {

constexpr int kExitStart = 1;

int Run(const belfry::sidecar::Config& config) {
  belfry::sidecar::SetUpLogging(config.log_level, config.log_as_json, config.app_id);
  std::signal(SIGPIPE, SIG_IGN);  // a peer that is gone is an error of the write, not the end
  spdlog::info("belfry-sidecar {} starts app_id={} namespace={}", BELFRY_VERSION, config.app_id,
               config.job_namespace);
  belfry::sidecar::Sidecar sidecar(config, belfry::MakeGrpcConnection({}));
  if (const absl::Status status = sidecar.Start(); !status.ok()) {
    spdlog::critical("cannot start: {}", std::string(status.message()));
    return kExitStart;
  }
  sidecar.WaitForShutdown();
  sidecar.Shutdown();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const belfry::sidecar::ParsedCommandLine parsed = belfry::sidecar::ParseCommandLine(args);
  if (parsed.run) return Run(parsed.config);
  (parsed.exit_code == 0 ? std::cout : std::cerr) << parsed.text;
  return parsed.exit_code;
}
