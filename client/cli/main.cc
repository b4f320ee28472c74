// The command line `belfry`.

#include <iostream>
#include <string>
#include <vector>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/next.h"
#include "client/cli/watch.h"

int main(int argc, char** argv) {
  int exit_code = belfry::kExitOk;
  const auto line = belfry::ParseCommandLine(std::vector<std::string>(argv + 1, argv + argc),
                                             std::cout, std::cerr, &exit_code);
  if (!line.has_value()) return exit_code;
  if (line->command == belfry::Command::kNext) {
    belfry::SystemClock clock;  // from next.h: only that part may look into the scheduler
    return belfry::RunNext(line->next, clock, std::cout, std::cerr);
  }
  if (line->command == belfry::Command::kWatch) {
    return belfry::RunWatch(*line, std::cout, std::cerr);
  }
  belfry::Client client(line->client);
  return belfry::RunCall(*line, &client, std::cout, std::cerr);
}
