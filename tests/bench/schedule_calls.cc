#include "tests/bench/schedule_calls.h"

#include <utility>

#include "scheduler/base/check.h"
#include "tests/bench/clock.h"

namespace belfry::bench {
namespace {

namespace pb = dapr::proto::scheduler::v1;

// What a cancelled call may take to end.
constexpr absl::Duration kCancelTimeout = absl::Seconds(10);

}  // namespace

class ScheduleCalls::Call final : public Tag {
 public:
  Call(ScheduleCalls* owner, Connection* connection) : owner_(owner), connection_(connection) {
    owner_->maker_->Prepare(&request_);
  }

  void Start(JobTag tag, int64_t period_us, int64_t intended_ns) {
    result_.tag = tag;
    result_.intended_ns = intended_ns;
    if (period_us == 0) {
      owner_->maker_->Fill(tag, &request_);
    } else {
      owner_->maker_->FillRecurring(tag, period_us, &request_);
    }
    // The reader lives in memory of its call, which goes with the context.
    reader_.reset();
    context_.emplace();
    reader_ =
        connection_->stub->AsyncScheduleJob(&*context_, request_, connection_->poller->queue());
    reader_->Finish(&response_, &status_, AsTag(this));
  }

  void Done(bool) override {
    result_.ended_ns = MonotonicNs();
    owner_->Ended(this);
  }

  // Also harmless when the call has just ended, as the context is replaced only by Start.
  void Cancel() {
    if (context_.has_value()) context_->TryCancel();
  }

  const CallResult& result() const { return result_; }
  const grpc::Status& status() const { return status_; }

 private:
  ScheduleCalls* const owner_;
  Connection* const connection_;
  CallResult result_;
  std::optional<grpc::ClientContext> context_;
  pb::ScheduleJobRequest request_;
  pb::ScheduleJobResponse response_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<pb::ScheduleJobResponse>> reader_;
};

ScheduleCalls::ScheduleCalls(Connections* connections, const JobMaker* maker,
                             std::function<void(const CallResult&)> ended)
    : connections_(connections), maker_(maker), ended_(std::move(ended)) {}

ScheduleCalls::~ScheduleCalls() {
  MutexLock lock(&mutex_);
  CHECK(under_way_ == 0) << under_way_ << " calls are under way";
}

ScheduleCalls::Call* ScheduleCalls::TakeFree() {
  MutexLock lock(&mutex_);
  ++under_way_;
  if (free_.empty()) {
    std::vector<Connection>& unary = connections_->unary();
    calls_.push_back(std::make_unique<Call>(this, &unary[next_connection_++ % unary.size()]));
    return calls_.back().get();
  }
  Call* const call = free_.back();
  free_.pop_back();
  return call;
}

void ScheduleCalls::Start(JobTag tag, int64_t period_us, int64_t intended_ns) {
  TakeFree()->Start(tag, period_us, intended_ns);
}

void ScheduleCalls::Ended(Call* call) {
  CallResult result = call->result();
  const grpc::Status status = call->status();
  result.status = &status;
  {
    MutexLock lock(&mutex_);
    free_.push_back(call);
  }
  // Still counted as under way, so that nobody thinks that all is over before what follows it has
  // been started.
  ended_(result);
  MutexLock lock(&mutex_);
  if (--under_way_ == 0) became_idle_.SignalAll();
}

bool ScheduleCalls::Drain(int64_t timeout_ns) {
  const int64_t deadline = MonotonicNs() + timeout_ns;
  MutexLock lock(&mutex_);
  while (under_way_ > 0) {
    const int64_t left = deadline - MonotonicNs();
    if (left <= 0) break;
    became_idle_.WaitFor(absl::Nanoseconds(left));
  }
  if (under_way_ == 0) return false;
  for (const auto& call : calls_) call->Cancel();
  while (under_way_ > 0) {
    CHECK(became_idle_.WaitFor(kCancelTimeout)) << under_way_ << " cancelled calls do not end";
  }
  return true;
}

}  // namespace belfry::bench
