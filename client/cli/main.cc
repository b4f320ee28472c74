// The command line `belfry`.

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "client/cli/admin_commands.h"
#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/next.h"
#include "client/cli/verify.h"
#include "client/cli/watch.h"
#include "grpc/support/log.h"

namespace {

void Drop(gpr_log_func_args*) {}

int Run(const belfry::CommandLine& line) {
  switch (line.command) {
    case belfry::Command::kNext: {
      belfry::SystemClock clock;  // from next.h: only that part may look into the scheduler
      return belfry::RunNext(line.next, clock, std::cout, std::cerr);
    }
    case belfry::Command::kWatch:
      return belfry::RunWatch(line, std::cout, std::cerr);
    case belfry::Command::kAdmin:
      if (line.admin.command == belfry::AdminCommand::kVerify) {
        return belfry::RunVerify(line.admin.directory, std::cout, std::cerr);
      }
      return belfry::RunAdmin(line.admin, std::cin, std::cout, std::cerr);
    default:
      break;
  }
  belfry::Client client(line.client);
  return belfry::RunCall(line, &client, std::cout, std::cerr);
}

}  // namespace

int main(int argc, char** argv) {
  // What gRPC has to say of a call is in its status; errors of ours are one line.
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function(Drop);
  int exit_code = belfry::kExitOk;
  const auto line = belfry::ParseCommandLine(std::vector<std::string>(argv + 1, argv + argc),
                                             std::cout, std::cerr, &exit_code);
  if (!line.has_value()) return exit_code;
  exit_code = Run(*line);
  std::cout.flush();
  if (std::cout || exit_code != belfry::kExitOk) return exit_code;
  std::cerr << "belfry: " << line->command_name << ": the output cannot be written\n";
  return belfry::kExitFailed;
}
