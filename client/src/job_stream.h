#pragma once

// JobStream: one WatchJobs stream on a connection of its own, from dialling to its end. It is not
// retried; its owner opens another.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "belfry/worker.h"
#include "client/src/channel.h"
#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"

namespace belfry::client {

// States: dialling -> open (the first message is on the wire) -> closed, or dialling -> closed.
// A draining stream hands out no more triggers, half-closes once all that it handed out are
// answered and the answers written, and closes when the scheduler ends it.
//
// Lifetime: a stream keeps itself alive until on_closed has returned. Its owner must keep a
// reference as well and call Release after that. What a handler holds of it (a Done) is a weak
// reference, so that a handler that runs for hours does not keep a connection.
//
// Invariants: exactly one read is outstanding until the stream is closed, which keeps gRPC from
// finishing the call under a writer; at most one write is outstanding; no callback of the owner's
// runs with mutex_ held.
//
// Thread safety: all public methods may be called from any thread, at any time, also after the end.
class JobStream final
    : public grpc::ClientBidiReactor<dapr::proto::scheduler::v1::WatchJobsRequest,
                                     dapr::proto::scheduler::v1::WatchJobsResponse>,
      public std::enable_shared_from_this<JobStream> {
 public:
  // All are called on gRPC's threads and must not block. None is called after on_closed, which is
  // called exactly once.
  struct Events {
    Worker::Handler on_trigger;
    std::function<void()> on_open;
    std::function<void(const absl::Status&)> on_closed;
  };

  // Begins a stream with `initial` on `channel`, which it has for itself.
  static std::shared_ptr<JobStream> Open(
      const std::shared_ptr<grpc::Channel>& channel,
      dapr::proto::scheduler::v1::WatchJobsRequestInitial initial, Events events);

  // Begins to drain; see above. A stream still dialling is cancelled.
  void Drain();

  // Ends the stream as soon as possible; answers not yet written are dropped.
  void Cancel();

  // Closes the connection. REQUIRES: on_closed was called; this is not one of gRPC's threads, which
  // gRPC 1.51 joins when the last channel that they serve goes: a thread that drops that channel
  // would wait for itself.
  void Release();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  class Ticket;

  JobStream(const std::shared_ptr<grpc::Channel>& channel, Events events);

  // Takes the answer to a trigger; nullptr means that the handler dropped it unanswered.
  void Answer(uint64_t id, const TriggerResult* result);
  // Hands a trigger out, unless the stream is draining.
  void Deliver(dapr::proto::scheduler::v1::WatchJobsResponse trigger);
  // Starts whatever may be written now. REQUIRES: mutex_ is held.
  void WriteNextLocked();

  const Events events_;
  // Both hold the channel; null after Release.
  std::unique_ptr<dapr::proto::scheduler::v1::Scheduler::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_ = std::make_unique<grpc::ClientContext>();
  dapr::proto::scheduler::v1::WatchJobsResponse incoming_;  // of the outstanding read
  std::shared_ptr<JobStream> self_;                         // until OnDone

  std::mutex mutex_;
  // Guarded by mutex_.
  dapr::proto::scheduler::v1::WatchJobsRequest outgoing_;  // of the outstanding write
  // Answers to be written; no longer than the triggers that the scheduler lets be in flight.
  std::deque<dapr::proto::scheduler::v1::WatchJobsRequestResult> outbox_;
  uint64_t unanswered_ = 0;  // triggers handed out whose answer is still to come
  bool is_open_ = false;     // the first message was written
  bool is_writing_ = true;   // the first message is written from the start
  bool is_draining_ = false;
  bool is_half_closed_ = false;
  bool is_broken_ = false;  // reading or writing failed: nothing can be sent any more
};

}  // namespace belfry::client
