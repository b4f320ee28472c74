#include "client/src/job_stream.h"

#include <utility>

#include "client/src/grpc_status.h"

namespace belfry::client {

namespace wire = dapr::proto::scheduler::v1;

// What a handler holds to answer one trigger: counts as unanswered until used or destroyed.
class JobStream::Ticket {
 public:
  Ticket(std::weak_ptr<JobStream> stream, uint64_t id) : stream_(std::move(stream)), id_(id) {}
  ~Ticket() { Settle(nullptr); }
  Ticket(Ticket&& other) noexcept : stream_(std::move(other.stream_)), id_(other.id_) {
    other.stream_.reset();
  }
  Ticket& operator=(Ticket&&) = delete;

  void operator()(TriggerResult result) { Settle(&result); }

 private:
  void Settle(const TriggerResult* result) {
    const std::shared_ptr<JobStream> stream = stream_.lock();
    stream_.reset();
    if (stream != nullptr) stream->Answer(id_, result);
  }

  std::weak_ptr<JobStream> stream_;
  const uint64_t id_;
};

JobStream::JobStream(const std::shared_ptr<grpc::Channel>& channel, Events events)
    : events_(std::move(events)), stub_(wire::Scheduler::NewStub(channel)) {}

std::shared_ptr<JobStream> JobStream::Open(const std::shared_ptr<grpc::Channel>& channel,
                                           wire::WatchJobsRequestInitial initial, Events events) {
  std::shared_ptr<JobStream> stream(new JobStream(channel, std::move(events)));
  stream->self_ = stream;
  *stream->outgoing_.mutable_initial() = std::move(initial);
  stream->stub_->async()->WatchJobs(stream->context_.get(), stream.get());
  stream->StartWrite(&stream->outgoing_);
  stream->StartRead(&stream->incoming_);
  stream->StartCall();
  return stream;
}

void JobStream::Drain() {
  std::lock_guard lock(mutex_);
  is_draining_ = true;
  if (is_open_) return WriteNextLocked();
  if (context_ != nullptr) context_->TryCancel();
}

void JobStream::Cancel() {
  std::lock_guard lock(mutex_);
  is_draining_ = true;
  if (context_ != nullptr) context_->TryCancel();
}

void JobStream::Release() {
  std::unique_ptr<grpc::ClientContext> context;  // destroyed without the lock
  {
    std::lock_guard lock(mutex_);
    context = std::move(context_);
  }
  stub_.reset();
}

void JobStream::OnReadDone(bool ok) {
  if (!ok) {
    std::lock_guard lock(mutex_);
    is_broken_ = true;
    outbox_.clear();
    return;
  }
  // Handed out before the next read begins, so that triggers reach the handler in their order.
  Deliver(std::move(incoming_));
  incoming_.Clear();
  StartRead(&incoming_);
}

void JobStream::Deliver(wire::WatchJobsResponse trigger) {
  {
    std::lock_guard lock(mutex_);
    // Left unanswered, it goes to another stream as soon as this one has ended.
    if (is_draining_) return;
    ++unanswered_;
  }
  Ticket ticket(weak_from_this(), trigger.id());
  events_.on_trigger(std::move(trigger), std::move(ticket));
}

void JobStream::Answer(uint64_t id, const TriggerResult* result) {
  std::lock_guard lock(mutex_);
  --unanswered_;
  if (is_broken_) return;
  if (result != nullptr) {
    wire::WatchJobsRequestResult& answer = outbox_.emplace_back();
    answer.set_id(id);
    answer.set_status(*result == TriggerResult::kSuccess ? wire::SUCCESS : wire::FAILED);
  }
  WriteNextLocked();
}

void JobStream::OnWriteDone(bool ok) {
  bool just_opened = false;
  {
    std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (!ok) is_broken_ = true;
    just_opened = ok && !is_open_;
    is_open_ = is_open_ || ok;
    WriteNextLocked();
  }
  if (just_opened && events_.on_open) events_.on_open();
}

void JobStream::WriteNextLocked() {
  if (is_writing_ || is_half_closed_ || is_broken_) return;
  if (!outbox_.empty()) {
    outgoing_.Clear();
    *outgoing_.mutable_result() = std::move(outbox_.front());
    outbox_.pop_front();
    is_writing_ = true;
    grpc::WriteOptions options;
    // Answers that queued up while one was written leave in one packet.
    if (!outbox_.empty()) options.set_buffer_hint();
    return StartWrite(&outgoing_, options);
  }
  if (is_draining_ && unanswered_ == 0) {
    is_half_closed_ = true;
    StartWritesDone();
  }
}

void JobStream::OnDone(const grpc::Status& status) {
  const std::shared_ptr<JobStream> self = std::move(self_);  // lives until this returns
  events_.on_closed(status.ok() ? absl::UnavailableError("the scheduler ended the stream")
                                : FromGrpc(status));
}

}  // namespace belfry::client
