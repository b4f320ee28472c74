#pragma once

// Connections: TCP connections to the server, each with a stub, shared out among few pollers.

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "tests/bench/options.h"
#include "tests/bench/poller.h"

namespace belfry::bench {

struct Connection {
  std::unique_ptr<dapr::proto::scheduler::v1::Scheduler::Stub> stub;
  Poller* poller = nullptr;
};

// Thread safety: as gRPC's stubs, that is any thread.
class Connections {
 public:
  // Connects `unary` and `streams` times; Unavailable if the server does not answer within 10 s.
  static absl::StatusOr<std::unique_ptr<Connections>> Open(const Options& options);

  // For calls of which there are many.
  std::vector<Connection>& unary() { return unary_; }
  // One for each stream.
  std::vector<Connection>& streams() { return streams_; }

 private:
  Connections() = default;

  std::vector<std::unique_ptr<Poller>> pollers_;
  std::vector<Connection> unary_;
  std::vector<Connection> streams_;
};

// Ok, or the code and the message of a call's end.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace belfry::bench
