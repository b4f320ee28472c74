#include "server/watch_jobs.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "fmt/format.h"
#include "scheduler/base/limits.h"
#include "scheduler/base/mutex.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/engine/watcher.h"
#include "server/grpc_status.h"
#include "server/limits.h"
#include "server/watch_handshake.h"
#include "spdlog/spdlog.h"

namespace belfry::server {
namespace {

namespace pb = dapr::proto::scheduler::v1;

// Life: the stream waits for its first message, is then a watcher of the loop, and ends exactly
// once, in End, whoever wants it first: the client, gRPC, the process, or a broken rule. One read
// and one write are outstanding at most.
//
// Ownership: gRPC wants the object until OnDone, the loop until it has processed the end of the
// watcher; it holds a reference to itself for gRPC's part, so that either may let go first. After
// End nothing of gRPC is called any more. gRPC calls OnDone only after all reactions have returned,
// and everybody else holds a reference while calling, so no method outlives the object.
//
// Thread safety: gRPC's threads, the loop's thread and the process's main thread meet here.
class WatchJobsStream final
    : public grpc::ServerBidiReactor<pb::WatchJobsRequest, pb::WatchJobsResponse>,
      public Watcher,
      public OpenStream,
      public std::enable_shared_from_this<WatchJobsStream> {
 public:
  WatchJobsStream(const ServiceContext& context, Caller caller)
      : context_(context), caller_(std::move(caller)) {}

  void Begin() {
    self_ = shared_from_this();
    StartRead(&request_);
    if (const absl::Status added = context_.streams->Add(self_); !added.ok()) End(added);
  }

  // Watcher.
  void Send(pb::WatchJobsResponse trigger) override;
  void GiveUp(uint64_t trigger_id) override;
  size_t unsent_bytes() const override { return unsent_bytes_.load(std::memory_order_relaxed); }

  // OpenStream.
  void Close(const absl::Status& status) override { End(status); }

  // What gRPC tells.
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override { End(absl::CancelledError("context canceled")); }
  void OnDone() override;

 private:
  struct Unsent {
    pb::WatchJobsResponse trigger;
    size_t bytes;
  };
  struct Unanswered {
    TargetKind kind;
    absl::Duration sent_at;  // monotonic
  };

  absl::Status HandleFirstMessage();
  absl::Status HandleResult();
  // Ends the stream; does nothing if it has ended.
  void End(const absl::Status& status);
  void StartNextWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether a stream that was full is offered triggers again: half of its room is free.
  bool HasDrained() const { return unsent_bytes_ <= context_.limits.max_unsent_bytes / 2; }

  // Constant after construction.
  const ServiceContext context_;
  const Caller caller_;

  // Set before gRPC knows the object; taken in OnDone.
  std::shared_ptr<WatchJobsStream> self_;

  // Touched by one reaction at a time.
  pb::WatchJobsRequest request_;
  bool handshake_done_ = false;

  // Provides its own synchronisation; written under mutex_.
  std::atomic<size_t> unsent_bytes_ = 0;

  Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  // Known only after AddWatcher returned, when Send may already have been called.
  std::optional<WatcherId> id_ ABSL_GUARDED_BY(mutex_);
  std::deque<Unsent> queue_ ABSL_GUARDED_BY(mutex_);
  // The write in progress, which belongs to gRPC until OnWriteDone.
  std::optional<Unsent> writing_ ABSL_GUARDED_BY(mutex_);
  // The limit of unsent bytes was reached, and the loop waits to be told of room.
  bool was_full_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<uint64_t, Unanswered> unanswered_ ABSL_GUARDED_BY(mutex_);
};

void WatchJobsStream::Send(pb::WatchJobsResponse trigger) {
  const size_t bytes = trigger.ByteSizeLong();
  const TargetKind kind =
      trigger.metadata().target().has_actor() ? TargetKind::kActor : TargetKind::kApp;
  const absl::Duration now = context_.clock->Monotonic();

  MutexLock lock(&mutex_);
  if (ended_) return;
  unanswered_.emplace(trigger.id(), Unanswered{kind, now});
  queue_.push_back(Unsent{std::move(trigger), bytes});
  unsent_bytes_ += bytes;
  if (unsent_bytes_ >= context_.limits.max_unsent_bytes) was_full_ = true;
  if (!writing_.has_value()) StartNextWrite();
}

void WatchJobsStream::GiveUp(uint64_t trigger_id) {
  std::optional<TargetKind> kind;
  {
    MutexLock lock(&mutex_);
    const auto it = unanswered_.find(trigger_id);
    if (ended_ || it == unanswered_.end()) return;
    kind = it->second.kind;
    unanswered_.erase(it);
  }
  spdlog::warn("trigger not answered in time, another watcher gets it trigger={}", trigger_id);
  context_.metrics->JobUndelivered(*kind);
}

void WatchJobsStream::StartNextWrite() {
  if (queue_.empty()) return;
  writing_ = std::move(queue_.front());
  queue_.pop_front();
  // With more to come the network need not be woken for this one.
  grpc::WriteOptions options;
  if (!queue_.empty()) options.set_buffer_hint();
  StartWrite(&writing_->trigger, options);
}

void WatchJobsStream::OnWriteDone(bool ok) {
  std::optional<WatcherId> drained;
  {
    MutexLock lock(&mutex_);
    // After the end the bytes are no longer counted.
    if (!ended_) unsent_bytes_ -= writing_->bytes;
    writing_.reset();
    if (ok && !ended_) {
      StartNextWrite();
      if (was_full_ && id_.has_value() && HasDrained()) {
        was_full_ = false;
        drained = id_;
      }
    }
  }
  if (!ok) {
    context_.metrics->SidecarFailed(SidecarError::kSendFailed);
    End(absl::UnavailableError("sending a trigger failed"));
    return;
  }
  if (drained.has_value()) context_.loop->WatcherDrained(*drained);
}

void WatchJobsStream::OnReadDone(bool ok) {
  if (!ok) {
    // The client closed its side, or the call is over and the status reaches nobody.
    End(handshake_done_ ? absl::OkStatus()
                        : absl::UnknownError("initial request is required on stream connection"));
    return;
  }
  const absl::Status status = handshake_done_ ? HandleResult() : HandleFirstMessage();
  if (!status.ok()) {
    End(status);
    return;
  }
  MutexLock lock(&mutex_);
  if (!ended_) StartRead(&request_);
}

absl::Status WatchJobsStream::HandleFirstMessage() {
  if (request_.has_initial()) {
    absl::Status allowed = context_.access->CheckApp(caller_, request_.initial().namespace_(),
                                                     request_.initial().app_id());
    if (!allowed.ok()) {
      context_.metrics->SidecarFailed(SidecarError::kAuthFailed);
      return allowed;
    }
  }
  ASSIGN_OR_RETURN(Handshake handshake, ParseHandshake(request_, context_.limits));
  handshake_done_ = true;
  spdlog::info("watcher connected namespace={} app_id={} targets={} limits={}",
               request_.initial().namespace_(), request_.initial().app_id(),
               handshake.targets.size(), handshake.limits.size());

  // The loop may call Send before this returns, and End may run: both find no id yet.
  const WatcherId id = context_.loop->AddWatcher(shared_from_this(), std::move(handshake.targets),
                                                 std::move(handshake.limits));
  context_.metrics->SidecarConnected();
  bool ended = false;
  bool drained = false;
  {
    MutexLock lock(&mutex_);
    id_ = id;
    ended = ended_;
    if (was_full_ && HasDrained()) {
      was_full_ = false;
      drained = true;
    }
  }
  if (ended) {
    context_.loop->RemoveWatcher(id);
    context_.metrics->SidecarDisconnected();
  } else if (drained) {
    context_.loop->WatcherDrained(id);
  }
  return absl::OkStatus();
}

absl::Status WatchJobsStream::HandleResult() {
  if (!request_.has_result()) {
    context_.metrics->SidecarFailed(SidecarError::kReceiveFailed);
    return absl::InvalidArgumentError("only results may follow the initial request");
  }
  const pb::WatchJobsRequestResult& result = request_.result();
  if (result.status() != pb::SUCCESS && result.status() != pb::FAILED) {
    return absl::InvalidArgumentError(fmt::format("result of trigger {}: unknown status {}",
                                                  result.id(), static_cast<int>(result.status())));
  }

  WatcherId id = 0;
  Unanswered answered;
  {
    MutexLock lock(&mutex_);
    if (ended_) return absl::OkStatus();
    const auto it = unanswered_.find(result.id());
    if (it == unanswered_.end()) {
      // Not passed on: only answers to triggers have a place kept for them in the mailbox.
      spdlog::debug("unknown or repeated answer ignored watcher={} trigger={}", *id_, result.id());
      return absl::OkStatus();
    }
    id = *id_;
    answered = it->second;
    unanswered_.erase(it);
  }
  const bool success = result.status() == pb::SUCCESS;
  context_.loop->Settle(id, result.id(), success ? Outcome::kSuccess : Outcome::kFailed);
  const absl::Duration latency = context_.clock->Monotonic() - answered.sent_at;
  if (success) {
    context_.metrics->JobTriggered(answered.kind, latency);
  } else {
    context_.metrics->JobFailed(answered.kind, latency);
  }
  return absl::OkStatus();
}

void WatchJobsStream::End(const absl::Status& status) {
  std::optional<WatcherId> id;
  absl::flat_hash_map<uint64_t, Unanswered> undelivered;
  {
    MutexLock lock(&mutex_);
    if (ended_) return;
    ended_ = true;
    id = id_;
    undelivered.swap(unanswered_);
    queue_.clear();
    unsent_bytes_ = 0;
    Finish(ToGrpcStatus(status));
  }
  if (id.has_value()) {
    context_.loop->RemoveWatcher(*id);
    context_.metrics->SidecarDisconnected();
    spdlog::info("watcher disconnected watcher={} undelivered={} status=\"{}\"", *id,
                 undelivered.size(), status.ToString());
  }
  for (const auto& [trigger_id, trigger] : undelivered) {
    context_.metrics->JobUndelivered(trigger.kind);
  }
}

void WatchJobsStream::OnDone() {
  context_.streams->Remove(this);
  // The object may go with its reference to itself, at the end of this function.
  const std::shared_ptr<WatchJobsStream> self = std::move(self_);
}

}  // namespace

grpc::ServerBidiReactor<pb::WatchJobsRequest, pb::WatchJobsResponse>* StartWatchJobs(
    const ServiceContext& context, Caller caller) {
  const auto stream = std::make_shared<WatchJobsStream>(context, std::move(caller));
  stream->Begin();
  return stream.get();
}

}  // namespace belfry::server
