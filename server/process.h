#pragma once

// The life of the belfry-scheduler process, from its configuration to its exit code.

#include "server/config.h"

namespace belfry::server {

// Opens the store, serves until SIGTERM or SIGINT, and stops in order. Returns the exit code: 0
// after a stop that was asked for, 1 if the start failed; what it was is in the log. Does not
// return, but ends the process with code 1, when the store fails while running, on a second
// signal, and when stopping takes too long.
// REQUIRES: StopSignals::Block and SetUpLogging were called, and no other thread runs.
int RunScheduler(const Config& config);

}  // namespace belfry::server
