#pragma once

// The commands that are one call to a scheduler.

#include <ostream>

#include "belfry/client.h"
#include "client/cli/command_line.h"

namespace belfry {

// Runs `line` (schedule, get, list, delete or delete-prefix) with `client`: jobs go to `out`, one
// JSON object a line; a failed call is told in one line on `err`. Returns the exit code.
int RunCall(const CommandLine& line, Client* client, std::ostream& out, std::ostream& err);

}  // namespace belfry
