#pragma once

// Watcher: one connected stream that receives triggers. Implemented by the gRPC server and by
// tests; owned jointly by whoever serves the stream and by the loop.

#include <cstddef>
#include <cstdint>

#include "dapr/proto/scheduler/v1/scheduler.pb.h"

namespace belfry {

// Names one watcher for the life of the process; never reused.
using WatcherId = uint64_t;

class Watcher {
 public:
  virtual ~Watcher() = default;

  // Queues one trigger for sending and returns at once. Called on the loop thread only; may be
  // called after the stream has ended, and then does nothing.
  virtual void Send(dapr::proto::scheduler::v1::WatchJobsResponse trigger) = 0;

  // A trigger was not answered in time, and another watcher gets it: its answer would mean nothing.
  // As Send.
  virtual void GiveUp(uint64_t trigger_id) { (void)trigger_id; }

  // Bytes handed to Send and not yet taken by the network. Any thread.
  virtual size_t unsent_bytes() const = 0;
};

}  // namespace belfry
