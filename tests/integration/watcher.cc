#include "tests/integration/watcher.h"

#include <utility>

#include "tests/integration/scheduler_process.h"

namespace belfry::integration {

namespace pb = dapr::proto::scheduler::v1;

namespace {
// Longer than any test takes; after it a stream that hangs ends all the same.
constexpr std::chrono::minutes kStreamLimit{2};
}  // namespace

pb::WatchJobsRequest WatchApp(const std::string& app_id, const std::string& ns) {
  pb::WatchJobsRequest request;
  request.mutable_initial()->set_app_id(app_id);
  request.mutable_initial()->set_namespace_(ns);
  request.mutable_initial()->add_accept_job_types(pb::JOB_TARGET_TYPE_JOB);
  return request;
}

Watcher::Watcher(const std::string& scheduler) : stub_(NewSchedulerStub(scheduler)) {
  context_.set_deadline(std::chrono::system_clock::now() + kStreamLimit);
  stream_ = stub_->WatchJobs(&context_);
  reader_ = std::thread([this] { ReadAll(); });
}

Watcher::Watcher(const std::string& scheduler, const pb::WatchJobsRequest& first)
    : Watcher(scheduler) {
  Send(first);
}

Watcher::~Watcher() {
  Cancel();
  reader_.join();
}

void Watcher::ReadAll() {
  pb::WatchJobsResponse response;
  while (stream_->Read(&response)) {
    const std::lock_guard lock(mutex_);
    received_.push_back(std::move(response));
    response.Clear();
    changed_.notify_all();
  }
  // Under the lock, so that nothing is written meanwhile.
  const std::lock_guard lock(mutex_);
  status_ = stream_->Finish();
  changed_.notify_all();
}

void Watcher::Send(const pb::WatchJobsRequest& request) {
  const std::lock_guard lock(mutex_);
  // What cannot be sent any more shows in the status of the stream.
  if (!status_.has_value()) stream_->Write(request);
}

void Watcher::Answer(uint64_t id, pb::WatchJobsRequestResultStatus status) {
  pb::WatchJobsRequest request;
  request.mutable_result()->set_id(id);
  request.mutable_result()->set_status(status);
  Send(request);
}

std::optional<pb::WatchJobsResponse> Watcher::Next(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [this] { return !received_.empty() || status_.has_value(); });
  if (received_.empty()) return std::nullopt;
  pb::WatchJobsResponse next = std::move(received_.front());
  received_.pop_front();
  return next;
}

void Watcher::Cancel() { context_.TryCancel(); }

void Watcher::HalfClose() {
  const std::lock_guard lock(mutex_);
  if (!status_.has_value()) stream_->WritesDone();
}

std::optional<grpc::Status> Watcher::Finish(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [this] { return status_.has_value(); });
  return status_;
}

}  // namespace belfry::integration
