#include "tests/unit/client/fake_scheduler.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <iterator>
#include <utility>

#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace belfry {

namespace wire = dapr::proto::scheduler::v1;

namespace {

// Service threads look for cancellation this often.
constexpr std::chrono::milliseconds kPoll(20);

}  // namespace

FakeScheduler::FakeScheduler(FakeSchedulerOptions options) : options_(options) {
  grpc::ServerBuilder builder;
  // A port that is taken must fail, not be shared with an earlier scheduler.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  if (options_.keepalive_ms > 0) {
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, options_.keepalive_ms);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  }
  builder.AddListeningPort("127.0.0.1:" + std::to_string(options_.port), options.credentials,
                           &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  REQUIRE(server_ != nullptr);
  REQUIRE(port_ != 0);
  SetHosts({address()});
}

FakeScheduler::~FakeScheduler() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  server_->Shutdown(std::chrono::system_clock::now());
}

void FakeScheduler::SetHosts(std::vector<std::string> hosts) {
  std::lock_guard lock(mutex_);
  hosts_ = std::move(hosts);
  ++hosts_version_;
  changed_.notify_all();
}

void FakeScheduler::SetAnswer(grpc::Status answer) {
  std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}

bool FakeScheduler::Send(size_t stream, uint64_t id, const std::string& name) {
  std::lock_guard lock(mutex_);
  if (stream >= streams_.size()) return false;
  wire::WatchJobsResponse trigger;
  trigger.set_id(id);
  trigger.set_name(name);
  return std::next(streams_.begin(), static_cast<std::ptrdiff_t>(stream))->stream->Write(trigger);
}

void FakeScheduler::CloseStream(size_t stream) {
  std::lock_guard lock(mutex_);
  REQUIRE(stream < streams_.size());
  std::next(streams_.begin(), static_cast<std::ptrdiff_t>(stream))->context->TryCancel();
}

void FakeScheduler::CloseStreams() {
  std::lock_guard lock(mutex_);
  for (const Stream& stream : streams_) stream.context->TryCancel();
}

size_t FakeScheduler::streams() const {
  std::lock_guard lock(mutex_);
  return streams_.size();
}

int FakeScheduler::opened_streams() const {
  std::lock_guard lock(mutex_);
  return opened_streams_;
}

int FakeScheduler::watch_hosts_calls() const {
  std::lock_guard lock(mutex_);
  return watch_hosts_calls_;
}

void FakeScheduler::SetRefusal(grpc::Status refusal) {
  std::lock_guard lock(mutex_);
  refusal_ = std::move(refusal);
}

int FakeScheduler::unary_calls() const {
  std::lock_guard lock(mutex_);
  return unary_calls_;
}

std::set<std::string> FakeScheduler::stream_peers() const {
  std::lock_guard lock(mutex_);
  return stream_peers_;
}

wire::WatchJobsRequestInitial FakeScheduler::initial() const {
  std::lock_guard lock(mutex_);
  return initial_;
}

std::vector<wire::WatchJobsRequestResult> FakeScheduler::results() const {
  std::lock_guard lock(mutex_);
  return results_;
}

bool FakeScheduler::WaitUntil(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kWaitLimit);
  while (!condition()) {
    std::unique_lock lock(mutex_);
    if (std::chrono::steady_clock::now() >= deadline) return false;
    changed_.wait_for(lock, kPoll);
  }
  return true;
}

grpc::Status FakeScheduler::ScheduleJob(grpc::ServerContext*, const wire::ScheduleJobRequest*,
                                        wire::ScheduleJobResponse*) {
  std::lock_guard lock(mutex_);
  ++unary_calls_;
  return answer_;
}

grpc::Status FakeScheduler::ListJobs(grpc::ServerContext*, const wire::ListJobsRequest*,
                                     wire::ListJobsResponse*) {
  std::lock_guard lock(mutex_);
  ++unary_calls_;
  return answer_;
}

grpc::Status FakeScheduler::WatchHosts(grpc::ServerContext* context, const wire::WatchHostsRequest*,
                                       grpc::ServerWriter<wire::WatchHostsResponse>* writer) {
  int sent = 0;
  std::unique_lock lock(mutex_);
  ++watch_hosts_calls_;
  changed_.notify_all();
  if (!options_.has_watch_hosts) return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "unknown");
  while (!stopping_ && !context->IsCancelled()) {
    if (sent != hosts_version_) {
      sent = hosts_version_;
      wire::WatchHostsResponse response;
      for (const std::string& host : hosts_) response.add_hosts()->set_address(host);
      if (!writer->Write(response)) break;
      if (options_.hangs_up) return grpc::Status::OK;
    }
    changed_.wait_for(lock, kPoll);
  }
  return grpc::Status::CANCELLED;
}

grpc::Status FakeScheduler::WatchJobs(
    grpc::ServerContext* context,
    grpc::ServerReaderWriter<wire::WatchJobsResponse, wire::WatchJobsRequest>* stream) {
  wire::WatchJobsRequest request;
  if (!stream->Read(&request) || !request.has_initial()) {
    return grpc::Status(grpc::StatusCode::UNKNOWN, "initial request is required");
  }
  std::unique_lock lock(mutex_);
  initial_ = request.initial();
  stream_peers_.insert(context->peer());
  ++opened_streams_;
  if (!refusal_.ok()) {
    changed_.notify_all();
    return refusal_;
  }
  const auto place = streams_.insert(streams_.end(), Stream{context, stream});
  changed_.notify_all();
  lock.unlock();
  while (stream->Read(&request)) {
    lock.lock();
    results_.push_back(request.result());
    changed_.notify_all();
    lock.unlock();
  }
  lock.lock();
  streams_.erase(place);
  changed_.notify_all();
  return grpc::Status::OK;
}

}  // namespace belfry
