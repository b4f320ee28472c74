#pragma once

// RunningServer: the gRPC service over a real loop and a store in memory, on a free port of
// 127.0.0.1. All calls have a time limit.

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/server_credentials.h"
#include "scheduler/base/clock.h"
#include "scheduler/loop/scheduler_loop.h"
#include "server/access.h"
#include "server/grpc_server.h"
#include "server/limit_metrics.h"
#include "server/metrics.h"
#include "server/open_streams.h"
#include "server/scheduler_service.h"
#include "tests/support/blocking_store.h"

namespace belfry::server {

namespace pb = dapr::proto::scheduler::v1;

// Longest time that any call of a test may take.
inline constexpr std::chrono::seconds kCallTimeout{20};

inline void LimitTime(grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() + kCallTimeout);
}

inline pb::JobMetadata AppMetadata(const std::string& app_id = "app",
                                   const std::string& ns = "ns") {
  pb::JobMetadata metadata;
  metadata.set_namespace_(ns);
  metadata.set_app_id(app_id);
  metadata.mutable_target()->mutable_job();
  return metadata;
}

inline pb::JobMetadata ActorMetadata(const std::string& type, const std::string& id) {
  pb::JobMetadata metadata = AppMetadata();
  metadata.mutable_target()->mutable_actor()->set_type(type);
  metadata.mutable_target()->mutable_actor()->set_id(id);
  return metadata;
}

class RunningServer {
 public:
  explicit RunningServer(const Limits& limits = {})
      : RunningServer(Access(), grpc::InsecureServerCredentials(), limits) {}

  RunningServer(Access access, std::shared_ptr<grpc::ServerCredentials> credentials,
                const Limits& limits = {})
      : access_(std::move(access)), streams_(limits.max_streams) {
    LoopOptions options;
    options.limits = limits;
    options.on_unreceived = [this](TargetKind kind, size_t count) {
      metrics_.JobsUnreceived(kind, count);
    };
    auto loop = SchedulerLoop::Open(&store_, &clock_, std::move(options));
    REQUIRE(loop.ok());
    loop_ = std::move(loop).value();
    loop_->Start();
    metrics_.AddSource([this] { return CollectLimits(loop_.get()); });
    service_ = std::make_unique<SchedulerService>(
        ServiceContext{loop_.get(), &clock_, &metrics_, &streams_, &access_, limits});
    service_->SetAddress("scheduler.example:50006");
    auto grpc = GrpcServer::Start("127.0.0.1", 0, std::move(credentials), {service_.get()}, limits);
    REQUIRE(grpc.ok());
    grpc_ = std::move(grpc).value();
    stub_ = NewStub();
  }

  ~RunningServer() { Stop(); }

  // As the process stops; may be called more than once.
  void Stop() {
    if (grpc_ == nullptr) return;
    store_.Unblock();
    streams_.CloseAll(absl::UnavailableError("server is closing"));
    grpc_->Shutdown(absl::Seconds(5));
    CHECK(loop_->Stop().ok());
    grpc_.reset();
  }

  uint16_t port() const { return grpc_->port(); }
  pb::Scheduler::Stub& stub() { return *stub_; }
  SchedulerLoop& loop() { return *loop_; }
  BlockingStore& store() { return store_; }

  // All later calls of the methods below go over a connection of their own with `credentials`.
  void CallAs(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    stub_ = NewStub(credentials);
  }
  ServerMetrics& metrics() { return metrics_; }

  // On a connection of its own.
  std::unique_ptr<pb::Scheduler::Stub> NewStub(const std::shared_ptr<grpc::ChannelCredentials>&
                                                   credentials = grpc::InsecureChannelCredentials(),
                                               grpc::ChannelArguments arguments = {}) const {
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetMaxReceiveMessageSize(-1);
    return pb::Scheduler::NewStub(grpc::CreateCustomChannel(
        "127.0.0.1:" + std::to_string(grpc_->port()), credentials, arguments));
  }

  grpc::Status Schedule(const pb::ScheduleJobRequest& request) {
    grpc::ClientContext context;
    LimitTime(&context);
    pb::ScheduleJobResponse response;
    return stub_->ScheduleJob(&context, request, &response);
  }

  grpc::Status Get(const std::string& name, const pb::JobMetadata& metadata,
                   pb::GetJobResponse* response) {
    grpc::ClientContext context;
    LimitTime(&context);
    pb::GetJobRequest request;
    request.set_name(name);
    *request.mutable_metadata() = metadata;
    return stub_->GetJob(&context, request, response);
  }

  grpc::Status Delete(const std::string& name, const pb::JobMetadata& metadata) {
    grpc::ClientContext context;
    LimitTime(&context);
    pb::DeleteJobRequest request;
    request.set_name(name);
    *request.mutable_metadata() = metadata;
    pb::DeleteJobResponse response;
    return stub_->DeleteJob(&context, request, &response);
  }

  // The names of the jobs that a list tells of.
  std::pair<grpc::Status, std::vector<std::string>> List(const pb::JobMetadata& metadata) {
    grpc::ClientContext context;
    LimitTime(&context);
    pb::ListJobsRequest request;
    *request.mutable_metadata() = metadata;
    pb::ListJobsResponse response;
    const grpc::Status status = stub_->ListJobs(&context, request, &response);
    std::vector<std::string> names;
    for (const pb::NamedJob& job : response.jobs()) names.push_back(job.name());
    return {status, names};
  }

  grpc::Status DeleteByMetadata(const pb::JobMetadata& metadata, bool id_prefix_match) {
    grpc::ClientContext context;
    LimitTime(&context);
    pb::DeleteByMetadataRequest request;
    *request.mutable_metadata() = metadata;
    request.set_id_prefix_match(id_prefix_match);
    pb::DeleteByMetadataResponse response;
    return stub_->DeleteByMetadata(&context, request, &response);
  }

  grpc::Status DeleteByNamePrefix(const pb::JobMetadata& metadata, const std::string& prefix) {
    grpc::ClientContext context;
    LimitTime(&context);
    pb::DeleteByNamePrefixRequest request;
    *request.mutable_metadata() = metadata;
    request.set_name_prefix(prefix);
    pb::DeleteByNamePrefixResponse response;
    return stub_->DeleteByNamePrefix(&context, request, &response);
  }

  // Whether a metric's sample has this value, e.g. HasSample("x_total{type=\"job\"}", "1").
  bool HasSample(const std::string& series, const std::string& value) const {
    return metrics_.Text().find("\n" + series + " " + value + "\n") != std::string::npos;
  }

 private:
  // Destroyed in reverse: the server goes before what its calls use.
  SystemClock clock_;
  BlockingStore store_;
  ServerMetrics metrics_;
  const Access access_;
  OpenStreams streams_;
  std::unique_ptr<SchedulerLoop> loop_;
  std::unique_ptr<SchedulerService> service_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<pb::Scheduler::Stub> stub_;
};

// A job of one tick.
inline pb::ScheduleJobRequest JobRequest(const std::string& name, const pb::JobMetadata& metadata,
                                         const std::string& due_time) {
  pb::ScheduleJobRequest request;
  request.set_name(name);
  *request.mutable_metadata() = metadata;
  request.mutable_job()->set_due_time(due_time);
  return request;
}

// One WatchJobs stream on a connection of its own.
class TestWatcher {
 public:
  explicit TestWatcher(const RunningServer& server) : stub_(server.NewStub()) {
    LimitTime(&context_);
    stream_ = stub_->WatchJobs(&context_);
  }
  ~TestWatcher() {
    context_.TryCancel();
    if (!finished_) stream_->Finish();
  }

  // The usual first message.
  void Begin(const std::string& app_id = "app", const std::vector<std::string>& actor_types = {}) {
    REQUIRE(TryBegin(app_id, actor_types));
  }
  // As Begin, for threads, where assertions are not allowed.
  bool TryBegin(const std::string& app_id = "app",
                const std::vector<std::string>& actor_types = {}) {
    pb::WatchJobsRequest request;
    request.mutable_initial()->set_namespace_("ns");
    request.mutable_initial()->set_app_id(app_id);
    for (const std::string& type : actor_types) request.mutable_initial()->add_actor_types(type);
    return stream_->Write(request);
  }

  void Write(const pb::WatchJobsRequest& request) { REQUIRE(stream_->Write(request)); }

  void Answer(uint64_t id, int status) {
    pb::WatchJobsRequest request;
    request.mutable_result()->set_id(id);
    request.mutable_result()->set_status(static_cast<pb::WatchJobsRequestResultStatus>(status));
    Write(request);
  }

  pb::WatchJobsResponse Next() {
    pb::WatchJobsResponse trigger;
    REQUIRE(stream_->Read(&trigger));
    return trigger;
  }

  // False if the stream has ended.
  bool TryNext(pb::WatchJobsResponse* trigger) { return stream_->Read(trigger); }

  void CloseSending() { stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }

  // What the server ended the stream with; triggers before that are dropped.
  grpc::Status End() {
    pb::WatchJobsResponse dropped;
    while (stream_->Read(&dropped)) {
    }
    finished_ = true;
    return stream_->Finish();
  }

 private:
  std::unique_ptr<pb::Scheduler::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<pb::WatchJobsRequest, pb::WatchJobsResponse>> stream_;
  bool finished_ = false;
};

// Waits until a metric has a value; what happens on a stream is counted by other threads.
inline bool EventuallyHasSample(const RunningServer& server, const std::string& series,
                                const std::string& value) {
  const auto end = std::chrono::steady_clock::now() + kCallTimeout;
  while (!server.HasSample(series, value)) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace belfry::server
