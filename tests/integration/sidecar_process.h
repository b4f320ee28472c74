#pragma once

// SidecarProcess: a belfry-sidecar on 127.0.0.1.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dapr/proto/runtime/v1/dapr.grpc.pb.h"
#include "tests/integration/http_client.h"
#include "tests/integration/process.h"
#include "tests/support/temp_dir.h"

namespace belfry::integration {

struct SidecarOptions {
  std::string scheduler{};  // host:port
  std::string app_id = "app";
  // Of the jobs; empty leaves it to the sidecar.
  std::string ns{};
  uint16_t app_port = 0;  // 0 means that there is no app
  std::string app_protocol = "http";
  std::vector<std::string> flags{};
  std::map<std::string, std::string> environment{};
  // Whether the constructor waits until scheduler and app have been reached.
  bool wait_until_healthy = true;
};

// Thread safety: belongs to the test's main thread; Http may be called from any.
class SidecarProcess {
 public:
  // Starts it and waits until it listens.
  explicit SidecarProcess(const SidecarOptions& options);

  bool IsHealthy() const { return Http("GET", "/v1.0/healthz").status == 204; }

  // kill -9.
  void Kill() { process_->Kill(); }
  // SIGTERM; the exit code, as Process::Wait.
  std::optional<int> Terminate();

  // A request to the HTTP API.
  HttpResponse Http(const std::string& method, const std::string& target,
                    const std::string& body = "") const {
    return integration::Http(http_port_, method, target, body);
  }
  dapr::proto::runtime::v1::Dapr::Stub& stub() { return *stub_; }
  uint16_t http_port() const { return http_port_; }
  uint16_t grpc_port() const { return grpc_port_; }
  uint16_t metrics_port() const { return metrics_port_; }
  Process& process() { return *process_; }

 private:
  // Outlives the process.
  const TempDir dir_;
  std::unique_ptr<Process> process_;
  uint16_t http_port_ = 0;
  uint16_t grpc_port_ = 0;
  uint16_t metrics_port_ = 0;
  std::unique_ptr<dapr::proto::runtime::v1::Dapr::Stub> stub_;
};

}  // namespace belfry::integration
