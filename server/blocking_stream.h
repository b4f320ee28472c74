#pragma once

// Streams of gRPC's callback API for bodies that block on a thread of their own.
//
// Why not gRPC's synchronous API: its threads take part in the polling of the whole process, where
// each message of every other call then passes through one thread more; the service of
// administrators cost every trigger a tenth of the CPU time.

#include <cstddef>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "grpcpp/support/server_callback.h"
#include "scheduler/base/mutex.h"
#include "server/limits.h"

namespace belfry::server {

// What a message that waits counts as; an empty one takes room too.
template <typename Message>
size_t CostOf(const Message& message) {
  return sizeof(Message) + message.ByteSizeLong();
}

// What a body sees of a stream to the client.
// Thread safety: one thread at a time.
template <typename Response>
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;

  // Sends the headers, ahead of the first message.
  virtual void SendHeaders() = 0;

  // Queues a message; waits while kMaxQueuedResponseBytes are unsent. False if the call is over.
  virtual bool Write(Response response) = 0;

  // Waits until everything has been sent. False if the call is over.
  virtual bool Flush() = 0;
};

// Life: made for a call, ended by the one call of End, deleted by gRPC's last reaction.
// `Reactor` is gRPC's base class of the kind of call.
template <typename Reactor, typename Response>
class BlockingWriter : public Reactor, public ResponseWriter<Response> {
 public:
  void SendHeaders() override { this->StartSendInitialMetadata(); }

  bool Write(Response response) override {
    const size_t bytes = CostOf(response);
    MutexLock lock(&mutex_);
    while (!is_broken_ && queued_bytes_ >= kMaxQueuedResponseBytes) changed_.Wait();
    if (is_broken_) return false;
    queued_bytes_ += bytes;
    queue_.push_back({std::move(response), bytes});
    if (!is_writing_) StartNext();
    return true;
  }

  bool Flush() override {
    MutexLock lock(&mutex_);
    while (!is_broken_ && is_writing_) changed_.Wait();
    return !is_broken_;
  }

  // Ends the call and drops what is unsent. The last use of the object.
  void End(const grpc::Status& status) {
    {
      MutexLock lock(&mutex_);
      is_broken_ = true;
      queue_.clear();
    }
    this->Finish(status);
  }

  // What gRPC tells.
  void OnWriteDone(bool ok) override {
    MutexLock lock(&mutex_);
    queued_bytes_ -= current_.bytes;
    is_writing_ = false;
    if (!ok) is_broken_ = true;
    if (!is_broken_) StartNext();
    // Not for each message: who has been waiting may as well write many.
    if (!is_writing_ || queued_bytes_ <= kMaxQueuedResponseBytes / 2) changed_.SignalAll();
  }
  // A write whose bytes the client does not take ends only with its connection: the body must not
  // wait for that.
  void OnCancel() override {
    MutexLock lock(&mutex_);
    is_broken_ = true;
    changed_.SignalAll();
  }
  void OnDone() override { delete this; }

 private:
  struct Queued {
    Response response;
    size_t bytes = 0;
  };

  void StartNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (queue_.empty()) return;
    current_ = std::move(queue_.front());
    queue_.pop_front();
    is_writing_ = true;
    // With more to come the network need not be woken for this one.
    grpc::WriteOptions options;
    if (!queue_.empty()) options.set_buffer_hint();
    this->StartWrite(&current_.response, options);
  }

  Mutex mutex_;
  CondVar changed_{&mutex_};  // signalled when there is room, nothing is unsent, or all is over
  std::deque<Queued> queue_ ABSL_GUARDED_BY(mutex_);
  // Of the queue and of the message that gRPC has.
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  Queued current_ ABSL_GUARDED_BY(mutex_);  // gRPC's while is_writing_
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_broken_ ABSL_GUARDED_BY(mutex_) = false;
};

// A call that is answered with many messages.
template <typename Response>
using BlockingResponses = BlockingWriter<grpc::ServerWriteReactor<Response>, Response>;

// A call of many messages in both directions. Reads ahead of the body.
template <typename Request, typename Response>
class BlockingStream final
    : public BlockingWriter<grpc::ServerBidiReactor<Request, Response>, Response> {
  using Writer = BlockingWriter<grpc::ServerBidiReactor<Request, Response>, Response>;

 public:
  // Waits for the client's next message. False if there is none any more, or the call is over.
  bool Read(Request* request) {
    MutexLock lock(&read_mutex_);
    if (!is_reading_ && read_bytes_ < kMaxQueuedRequestBytes / 2) StartNextRead();
    while (read_.empty() && !has_read_all_) arrived_.Wait();
    if (read_.empty()) return false;
    read_bytes_ -= CostOf(read_.front());
    *request = std::move(read_.front());
    read_.pop_front();
    return true;
  }

  // As the writer's.
  void End(const grpc::Status& status) {
    {
      MutexLock lock(&read_mutex_);
      has_read_all_ = true;
    }
    Writer::End(status);
  }

  // What gRPC tells.
  void OnReadDone(bool ok) override {
    MutexLock lock(&read_mutex_);
    is_reading_ = false;
    if (ok) {
      read_bytes_ += CostOf(reading_);
      read_.push_back(std::exchange(reading_, {}));
    } else {
      has_read_all_ = true;
    }
    if (read_bytes_ < kMaxQueuedRequestBytes) StartNextRead();
    arrived_.Signal();
  }
  void OnCancel() override {
    {
      MutexLock lock(&read_mutex_);
      has_read_all_ = true;
      arrived_.Signal();
    }
    Writer::OnCancel();
  }

 private:
  void StartNextRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(read_mutex_) {
    if (has_read_all_) return;
    is_reading_ = true;
    this->StartRead(&reading_);
  }

  Mutex read_mutex_;
  CondVar arrived_{&read_mutex_};  // signalled when a read has ended
  std::deque<Request> read_ ABSL_GUARDED_BY(read_mutex_);
  size_t read_bytes_ ABSL_GUARDED_BY(read_mutex_) = 0;
  Request reading_ ABSL_GUARDED_BY(read_mutex_);  // gRPC's while is_reading_
  bool is_reading_ ABSL_GUARDED_BY(read_mutex_) = false;
  // The client has sent all, or the call is over.
  bool has_read_all_ ABSL_GUARDED_BY(read_mutex_) = false;
};

}  // namespace belfry::server
