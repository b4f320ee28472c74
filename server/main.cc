// belfry-scheduler: keeps jobs, fires them on time and hands the triggers to connected sidecars.

#include <sys/stat.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "server/config.h"
#include "server/logging.h"
#include "server/process.h"
#include "server/stop_signals.h"

#ifdef BELFRY_USES_JEMALLOC
// Read by jemalloc before main. A thread of its own gives memory back, so that a scheduler that has
// become idle does too.
extern "C" {
const char* malloc_conf = "background_thread:true";
}
#endif

int main(int argc, char** argv) {
  using namespace belfry::server;

  // gRPC's locks are absl's. As Debian builds them they keep a graph of the order in which they are
  // taken, and abort on what looks like a cycle: a help in debugging that costs a tenth of the CPU
  // time of a call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  StopSignals::Block();
  const Arguments arguments = ParseArguments(std::vector<std::string>(argv + 1, argv + argc));
  if (!arguments.config.has_value()) {
    std::fputs(arguments.text.c_str(), arguments.exit_code == 0 ? stdout : stderr);
    return arguments.exit_code;
  }
  // What jobs carry is nobody else's business; RocksDB creates its files readable to all.
  umask(S_IRWXG | S_IRWXO);
  SetUpLogging(arguments.config->log_level, arguments.config->log_as_json);
  return RunScheduler(*arguments.config);
}
