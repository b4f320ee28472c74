#pragma once

// WatchStream: one WatchJobs stream that receives triggers and answers them.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "scheduler/base/mutex.h"
#include "tests/bench/connections.h"
#include "tests/bench/poller.h"

namespace belfry::bench {

// Thread safety: the handler runs on the connection's poller; all methods may be called from any
// other thread.
class WatchStream {
 public:
  // Takes a trigger; it is answered with SUCCESS afterwards.
  using Handler = std::function<void(const dapr::proto::scheduler::v1::WatchJobsResponse&)>;

  // `connection` is borrowed.
  WatchStream(Connection* connection, std::string app_id, std::string name_space, Handler handler);
  // Cancels the stream, if it is still there, and waits for its end.
  ~WatchStream();

  // Begins to watch; Unavailable if the stream ends, or the first message has not gone, within 10
  // s.
  absl::Status Open();

  // Why the stream has ended; OK while it has not.
  absl::Status error() const;

  // Triggers whose answers have not been handed to the network yet.
  size_t unanswered() const;

 private:
  enum class State { kOpening, kOpen, kEnded };

  void Started(bool ok);
  void Read(bool ok);
  void Written(bool ok);
  void Finished(bool ok);
  void WriteNextAnswer();
  void Finish();
  // The end is told only when gRPC holds nothing of this object any more.
  void EndIfOver();

  Connection* const connection_;
  const std::string app_id_;
  const std::string namespace_;
  const Handler handler_;

  MemberTag<WatchStream> started_{this, &WatchStream::Started};
  MemberTag<WatchStream> read_{this, &WatchStream::Read};
  MemberTag<WatchStream> written_{this, &WatchStream::Written};
  MemberTag<WatchStream> finished_{this, &WatchStream::Finished};

  // The poller's own.
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<dapr::proto::scheduler::v1::WatchJobsRequest,
                                                dapr::proto::scheduler::v1::WatchJobsResponse>>
      stream_;
  dapr::proto::scheduler::v1::WatchJobsResponse trigger_;
  dapr::proto::scheduler::v1::WatchJobsRequest request_;
  grpc::Status status_;
  std::deque<uint64_t> answers_;
  bool writing_ = false;
  bool reading_ = false;
  bool finishing_ = false;
  bool has_status_ = false;

  std::atomic<size_t> unanswered_{0};
  mutable Mutex mutex_;
  CondVar changed_{&mutex_};  // signalled when the state changes
  State state_ ABSL_GUARDED_BY(mutex_) = State::kOpening;
  bool opened_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace belfry::bench
