#include "server/ports_file.h"

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "fmt/format.h"

namespace belfry::server {

absl::Status WritePortsFile(const std::string& path, const Ports& ports) {
  const std::string temporary = path + ".tmp";
  {
    std::ofstream file(temporary, std::ios::trunc);
    file << fmt::format(R"({{"port":{},"healthz_port":{},"metrics_port":{}}})", ports.grpc,
                        ports.healthz, ports.metrics)
         << '\n';
    if (!file.flush()) {
      return absl::ErrnoToStatus(errno, fmt::format("cannot write ports file {}", temporary));
    }
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, fmt::format("cannot write ports file {}", path));
  }
  return absl::OkStatus();
}

}  // namespace belfry::server
