#pragma once

// The ports that a process ended up with, for whoever started it with port 0.

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace belfry::server {

struct Ports {
  uint16_t grpc = 0;
  uint16_t healthz = 0;
  uint16_t metrics = 0;  // 0 if metrics are off
};

// Writes {"port":..,"healthz_port":..,"metrics_port":..} to a file. It appears whole or not at all.
absl::Status WritePortsFile(const std::string& path, const Ports& ports);

}  // namespace belfry::server
