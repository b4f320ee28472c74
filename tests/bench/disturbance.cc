#include "tests/bench/disturbance.h"

#include <chrono>
#include <utility>

#include "fmt/format.h"
#include "tests/bench/clock.h"
#include "tests/bench/schedule_load.h"

namespace belfry::bench {
namespace {

namespace pb = dapr::proto::scheduler::v1;

constexpr int64_t kFarUs = int64_t{86400} * 1'000'000;
constexpr std::chrono::seconds kCallTimeout{60};
// Storing again must not take all the machine.
constexpr int kInFlight = 64;

}  // namespace

Disturbance::Disturbance(const Options& options, const std::string& app_id) : options_(options) {
  options_.app_id = app_id;
  options_.connections = 1;
  options_.streams = 0;
  options_.pid = 0;
  options_.data_dir.clear();
  auto session = Session::Open(options_, "disturbance");
  opened_ = session.status();
  if (session.ok()) session_ = *std::move(session);
}

Disturbance::~Disturbance() { Stop(); }

absl::Status Disturbance::Store() {
  if (!opened_.ok()) return opened_;
  Progress(fmt::format("storing {} other jobs", options_.other_jobs));
  ScheduleLoad load(session_.get(), [](uint64_t) { return WallNs() / kNsPerUs + kFarUs; });
  const ScheduleLoad::Result stored = load.RunClosed(0, options_.other_jobs, options_.in_flight, 0);
  if (stored.errors == 0) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("{} other jobs were not stored: {}", stored.errors, stored.first_error));
}

void Disturbance::Start() {
  thread_ = std::thread([this] { Main(); });
}

Disturbance::Counts Disturbance::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  return counts_;
}

void Disturbance::Main() {
  while (!stopping_.load()) {
    List();
    List();
    DeletePrefix();
    ScheduleLoad load(session_.get(), [](uint64_t) { return WallNs() / kNsPerUs + kFarUs; });
    const auto stored = load.RunClosed(0, options_.other_jobs, kInFlight, 0);
    if (stored.errors > 0) Note(absl::InternalError(stored.first_error));
  }
}

void Disturbance::List() {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  pb::ListJobsRequest request;
  session_->maker().FillMetadata(request.mutable_metadata());
  pb::ListJobsResponse response;
  const int64_t began = MonotonicNs();
  const grpc::Status status =
      session_->connections().unary().front().stub->ListJobs(&context, request, &response);
  counts_.list_time.Record(MonotonicNs() - began);
  if (counts_.lists++ == 0) counts_.listed = static_cast<uint64_t>(response.jobs_size());
  Note(FromGrpc(status));
}

void Disturbance::DeletePrefix() {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  pb::DeleteByNamePrefixRequest request;
  session_->maker().FillMetadata(request.mutable_metadata());
  pb::DeleteByNamePrefixResponse response;
  const int64_t began = MonotonicNs();
  const grpc::Status status = session_->connections().unary().front().stub->DeleteByNamePrefix(
      &context, request, &response);
  counts_.delete_time.Record(MonotonicNs() - began);
  ++counts_.prefix_deletes;
  Note(FromGrpc(status));
}

void Disturbance::Note(const absl::Status& status) {
  if (status.ok()) return;
  if (counts_.errors++ == 0) counts_.first_error = status.ToString();
}

}  // namespace belfry::bench
