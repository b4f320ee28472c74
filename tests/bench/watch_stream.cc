#include "tests/bench/watch_stream.h"

#include <utility>

#include "scheduler/base/check.h"

namespace belfry::bench {
namespace {

namespace pb = dapr::proto::scheduler::v1;

constexpr absl::Duration kOpenTimeout = absl::Seconds(10);
constexpr absl::Duration kEndTimeout = absl::Seconds(10);

}  // namespace

WatchStream::WatchStream(Connection* connection, std::string app_id, std::string name_space,
                         Handler handler)
    : connection_(connection),
      app_id_(std::move(app_id)),
      namespace_(std::move(name_space)),
      handler_(std::move(handler)) {}

WatchStream::~WatchStream() {
  MutexLock lock(&mutex_);
  if (!opened_) return;
  context_.TryCancel();
  while (state_ != State::kEnded) {
    CHECK(changed_.WaitFor(kEndTimeout)) << "a cancelled stream does not end";
  }
}

absl::Status WatchStream::Open() {
  {
    MutexLock lock(&mutex_);
    opened_ = true;
  }
  // In two steps: the poller may come to Started before a call that does both returns.
  stream_ = connection_->stub->PrepareAsyncWatchJobs(&context_, connection_->poller->queue());
  stream_->StartCall(AsTag(&started_));
  MutexLock lock(&mutex_);
  while (state_ == State::kOpening) {
    if (!changed_.WaitFor(kOpenTimeout)) return absl::UnavailableError("WatchJobs does not begin");
  }
  return error_;
}

absl::Status WatchStream::error() const {
  MutexLock lock(&mutex_);
  return error_;
}

size_t WatchStream::unanswered() const { return unanswered_.load(); }

void WatchStream::Started(bool ok) {
  if (!ok) return Finish();
  request_.mutable_initial()->set_app_id(app_id_);
  request_.mutable_initial()->set_namespace_(namespace_);
  request_.mutable_initial()->add_accept_job_types(pb::JOB_TARGET_TYPE_JOB);
  writing_ = true;
  stream_->Write(request_, AsTag(&written_));
  reading_ = true;
  stream_->Read(&trigger_, AsTag(&read_));
}

void WatchStream::Read(bool ok) {
  reading_ = false;
  if (!ok || finishing_) return Finish();
  handler_(trigger_);
  answers_.push_back(trigger_.id());
  ++unanswered_;
  if (!writing_) WriteNextAnswer();
  reading_ = true;
  stream_->Read(&trigger_, AsTag(&read_));
}

void WatchStream::WriteNextAnswer() {
  if (answers_.empty()) return;
  pb::WatchJobsRequestResult* const result = request_.mutable_result();
  result->set_id(answers_.front());
  result->set_status(pb::SUCCESS);
  answers_.pop_front();
  grpc::WriteOptions options;
  // With more to come the network need not be woken for this one.
  if (!answers_.empty()) options.set_buffer_hint();
  writing_ = true;
  stream_->Write(request_, options, AsTag(&written_));
}

void WatchStream::Written(bool ok) {
  writing_ = false;
  if (!ok || finishing_) return Finish();
  if (request_.has_initial()) {
    MutexLock lock(&mutex_);
    if (state_ == State::kOpening) state_ = State::kOpen;
    changed_.SignalAll();
  } else {
    --unanswered_;
  }
  WriteNextAnswer();
}

void WatchStream::Finish() {
  if (finishing_) return EndIfOver();
  finishing_ = true;
  stream_->Finish(&status_, AsTag(&finished_));
}

void WatchStream::Finished(bool) {
  has_status_ = true;
  EndIfOver();
}

void WatchStream::EndIfOver() {
  if (!has_status_ || reading_ || writing_) return;
  MutexLock lock(&mutex_);
  error_ =
      status_.ok() ? absl::UnavailableError("the server has ended the stream") : FromGrpc(status_);
  state_ = State::kEnded;
  changed_.SignalAll();
}

}  // namespace belfry::bench
