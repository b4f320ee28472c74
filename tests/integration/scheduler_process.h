#pragma once

// SchedulerProcess: a belfry-scheduler on 127.0.0.1 with a data directory of its own.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "tests/integration/process.h"
#include "tests/support/temp_dir.h"

namespace belfry::integration {

struct SchedulerOptions {
  // 0 lets the system choose. A scheduler that will be restarted needs a FreePort().
  uint16_t port = 0;
  std::vector<std::string> flags{};
  // Empty: one of its own, removed with this object.
  std::string data_dir{};
};

// Thread safety: belongs to the test's main thread; address() may be called from any.
class SchedulerProcess {
 public:
  // Starts it and waits until it is ready.
  explicit SchedulerProcess(SchedulerOptions options = {});

  // kill -9.
  void Kill() { process_->Kill(); }
  // SIGTERM; the exit code, as Process::Wait.
  std::optional<int> Terminate();
  // Starts it again on the same directory and port, and waits until it is ready.
  // REQUIRES: it has ended, and the port was given.
  void Start();

  std::string address() const;
  uint16_t port() const { return port_; }
  uint16_t healthz_port() const { return healthz_port_; }
  uint16_t metrics_port() const { return metrics_port_; }
  std::string data_dir() const {
    return options_.data_dir.empty() ? dir_ / "data" : options_.data_dir;
  }
  Process& process() { return *process_; }

  // On a connection of its own.
  std::unique_ptr<dapr::proto::scheduler::v1::Scheduler::Stub> NewStub() const;

 private:
  const SchedulerOptions options_;
  // Outlives the process.
  const TempDir dir_;
  std::unique_ptr<Process> process_;
  uint16_t port_ = 0;
  uint16_t healthz_port_ = 0;
  uint16_t metrics_port_ = 0;
};

// On a connection of its own.
std::unique_ptr<dapr::proto::scheduler::v1::Scheduler::Stub> NewSchedulerStub(
    const std::string& address);

}  // namespace belfry::integration
