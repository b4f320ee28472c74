#pragma once

// Ports of processes.

#include <cstdint>
#include <string>

#include "tests/integration/process.h"

namespace belfry::integration {

// A port of 127.0.0.1 that nobody uses now, for what must be known before it is there or come back
// to the same place. It lies outside the range from which the system takes ports for connections,
// so that none of those can sit on it meanwhile, and no other test is given it while this process
// lives.
uint16_t FreePort();

std::string LoopbackAddress(uint16_t port);

// A number out of the file in which a process told its ports. Waits until the file is there; fails
// the test if the process ends before.
uint16_t WaitForPort(Process& process, const std::string& ports_file, const std::string& name);

}  // namespace belfry::integration
