// belfry-scheduler: keeps jobs, fires them on time and hands the triggers to connected sidecars.

#include <sys/stat.h>

#include <cstdio>
#include <string>
#include <vector>

#include "server/config.h"
#include "server/logging.h"
#include "server/process.h"
#include "server/stop_signals.h"

int main(int argc, char** argv) {
  using namespace belfry::server;

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
