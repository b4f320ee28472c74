#pragma once

// NullServer: the Scheduler protocol with nothing behind it: what gRPC itself costs. ScheduleJob is
// answered at once, and the job kept in memory until its due time; then it is sent to the next
// stream, whose answer forgets it. Recurring jobs fire once. Nothing is checked or written.

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

namespace belfry::bench {

class NullServer {
 public:
  // Listens on 127.0.0.1; `port` 0 lets the system choose. Unavailable if that is impossible.
  static absl::StatusOr<std::unique_ptr<NullServer>> Start(int port);
  ~NullServer();

  int port() const;

 private:
  class Impl;
  explicit NullServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Serves until standard input ends; prints the port as the first line. Returns an exit code.
int RunNullServer(int port);

// A null server in a process of its own, which ends with this object. `subcommand` of this program
// prints its port and serves until its standard input ends.
class NullProcess {
 public:
  // Starts this program again. Unavailable if it does not tell its port within 10 s.
  static absl::StatusOr<std::unique_ptr<NullProcess>> Start(const char* subcommand);
  ~NullProcess();
  NullProcess(const NullProcess&) = delete;
  NullProcess& operator=(const NullProcess&) = delete;

  int pid() const { return pid_; }
  int port() const { return port_; }

 private:
  NullProcess(int pid, int input) : pid_(pid), input_(input) {}

  const int pid_;
  const int input_;  // closing it ends the process
  int port_ = 0;
};

}  // namespace belfry::bench
