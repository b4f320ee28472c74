#pragma once

// What a process tells of itself on its metrics port.

#include <cstdint>
#include <string>

namespace belfry::integration {

// The value of a series, e.g. "name" or "name{label=\"value\"}"; -1 if it is not there. Waits for
// the answer within the limit of all waits. Thread safety: may be called from any thread.
double Metric(uint16_t metrics_port, const std::string& series);

}  // namespace belfry::integration
