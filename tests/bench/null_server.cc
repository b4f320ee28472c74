#include "tests/bench/null_server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "fmt/format.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "scheduler/base/mutex.h"
#include "tests/bench/clock.h"

namespace belfry::bench {
namespace {

namespace pb = dapr::proto::scheduler::v1;

constexpr absl::Duration kLongestSleep = absl::Seconds(1);

// One watcher. Lives until gRPC is done with it; Streams lets go before.
class NullStream final
    : public grpc::ServerBidiReactor<pb::WatchJobsRequest, pb::WatchJobsResponse> {
 public:
  NullStream(std::function<void(NullStream*)> opened, std::function<void(NullStream*)> closed,
             std::atomic<int64_t>* unanswered)
      : opened_(std::move(opened)), closed_(std::move(closed)), unanswered_(unanswered) {
    StartRead(&request_);
  }

  void Send(pb::WatchJobsResponse trigger) {
    MutexLock lock(&mutex_);
    if (ended_) return;
    trigger.set_id(++last_id_);
    queue_.push_back(std::move(trigger));
    if (!writing_) WriteNext();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End();
    if (request_.has_initial()) {
      opened_(this);
    } else {
      --*unanswered_;
    }
    MutexLock lock(&mutex_);
    if (!ended_) StartRead(&request_);
  }
  void OnWriteDone(bool) override {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (!ended_) WriteNext();
  }
  void OnCancel() override { End(); }
  void OnDone() override { delete this; }

 private:
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (queue_.empty()) return;
    writing_ = true;
    current_ = std::move(queue_.front());
    queue_.pop_front();
    grpc::WriteOptions options;
    if (!queue_.empty()) options.set_buffer_hint();
    StartWrite(&current_, options);
  }
  void End() {
    closed_(this);
    MutexLock lock(&mutex_);
    if (std::exchange(ended_, true)) return;
    Finish(grpc::Status::OK);
  }

  const std::function<void(NullStream*)> opened_;
  const std::function<void(NullStream*)> closed_;
  std::atomic<int64_t>* const unanswered_;
  pb::WatchJobsRequest request_;
  pb::WatchJobsResponse current_;
  Mutex mutex_;
  std::deque<pb::WatchJobsResponse> queue_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

class NullServer::Impl final : public pb::Scheduler::CallbackService {
 public:
  ~Impl() override {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    {
      MutexLock lock(&mutex_);
      stopping_ = true;
      changed_.SignalAll();
    }
    if (timer_.joinable()) timer_.join();
  }

  absl::Status Start(int port) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(fmt::format("127.0.0.1:{}", port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return absl::UnavailableError(fmt::format("cannot listen on 127.0.0.1:{}", port));
    }
    timer_ = std::thread([this] { TimerMain(); });
    return absl::OkStatus();
  }
  int port() const { return port_; }

  grpc::ServerUnaryReactor* ScheduleJob(grpc::CallbackServerContext* call,
                                        const pb::ScheduleJobRequest* request,
                                        pb::ScheduleJobResponse*) override {
    grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    const int64_t due = DueNs(request->job().due_time());
    // What is far away will not come while this server lives.
    if (due - WallNs() < kHorizonNs) Keep(*request, due);
    return reactor;
  }

  // Says that no job is there once every trigger was answered.
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* call, const pb::GetJobRequest*,
                                   pb::GetJobResponse*) override {
    grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
    reactor->Finish(unanswered_.load() > 0 ? grpc::Status::OK
                                           : grpc::Status(grpc::StatusCode::NOT_FOUND, ""));
    return reactor;
  }

  grpc::ServerUnaryReactor* DeleteByMetadata(grpc::CallbackServerContext* call,
                                             const pb::DeleteByMetadataRequest*,
                                             pb::DeleteByMetadataResponse*) override {
    grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerBidiReactor<pb::WatchJobsRequest, pb::WatchJobsResponse>* WatchJobs(
      grpc::CallbackServerContext*) override {
    return new NullStream([this](NullStream* stream) { Open(stream); },
                          [this](NullStream* stream) { Closed(stream); }, &unanswered_);
  }

 private:
  static constexpr int64_t kHorizonNs = 600 * kNsPerSecond;

  static int64_t DueNs(const std::string& text) {
    absl::Time due;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, text, &due, &error)) return 0;  // at once
    return absl::ToUnixNanos(due);
  }

  void Keep(const pb::ScheduleJobRequest& request, int64_t due_ns) {
    pb::WatchJobsResponse trigger;
    trigger.set_name(request.name());
    *trigger.mutable_data() = request.job().data();
    *trigger.mutable_metadata() = request.metadata();
    ++unanswered_;
    MutexLock lock(&mutex_);
    if (due_ns <= WallNs()) return SendNext(std::move(trigger));
    const bool first = waiting_.empty() || due_ns < waiting_.begin()->first;
    waiting_[due_ns].push_back(std::move(trigger));
    if (first) changed_.SignalAll();
  }

  void SendNext(pb::WatchJobsResponse trigger) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (streams_.empty()) {
      --unanswered_;
      return;
    }
    streams_[cursor_++ % streams_.size()]->Send(std::move(trigger));
  }

  void Open(NullStream* stream) {
    MutexLock lock(&mutex_);
    streams_.push_back(stream);
  }
  void Closed(NullStream* stream) {
    MutexLock lock(&mutex_);
    streams_.erase(std::remove(streams_.begin(), streams_.end(), stream), streams_.end());
  }

  void TimerMain() {
    MutexLock lock(&mutex_);
    while (!stopping_) {
      const int64_t now = WallNs();
      if (!waiting_.empty() && waiting_.begin()->first <= now) {
        auto due = std::move(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
        for (pb::WatchJobsResponse& trigger : due) SendNext(std::move(trigger));
        continue;
      }
      const absl::Duration sleep =
          waiting_.empty() ? kLongestSleep : absl::Nanoseconds(waiting_.begin()->first - now);
      changed_.WaitFor(std::min(sleep, kLongestSleep));
    }
  }

  int port_ = 0;
  std::atomic<int64_t> unanswered_{0};
  Mutex mutex_;
  CondVar changed_{&mutex_};  // signalled by an earlier first job, and by the end
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<int64_t, std::vector<pb::WatchJobsResponse>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<NullStream*> streams_ ABSL_GUARDED_BY(mutex_);
  size_t cursor_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread timer_;
  std::unique_ptr<grpc::Server> server_;
};

NullServer::NullServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NullServer::~NullServer() = default;
int NullServer::port() const { return impl_->port(); }

absl::StatusOr<std::unique_ptr<NullServer>> NullServer::Start(int port) {
  auto impl = std::make_unique<Impl>();
  if (absl::Status status = impl->Start(port); !status.ok()) return status;
  return std::unique_ptr<NullServer>(new NullServer(std::move(impl)));
}

int RunNullServer(int port) {
  const auto server = NullServer::Start(port);
  if (!server.ok()) {
    std::cerr << server.status().ToString() << std::endl;
    return 1;
  }
  std::cout << (*server)->port() << std::endl;
  while (std::cin.get() != std::char_traits<char>::eof()) {
  }
  return 0;
}

}  // namespace belfry::bench
