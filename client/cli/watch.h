#pragma once

#include <ostream>

#include "client/cli/command_line.h"

namespace belfry {

// Receives the app's triggers until SIGINT, SIGTERM or --count of them: each is printed to `out` as
// one JSON object a line and answered. Connections that fail are told on `err` and tried again.
// Returns the exit code. Must be called before the process has other threads: it blocks the two
// signals for all threads to come.
int RunWatch(const CommandLine& line, std::ostream& out, std::ostream& err);

}  // namespace belfry
