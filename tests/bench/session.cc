#include "tests/bench/session.h"

#include <unistd.h>

#include <chrono>
#include <iostream>

#include "fmt/format.h"
#include "tests/bench/clock.h"

namespace belfry::bench {
namespace {

namespace pb = dapr::proto::scheduler::v1;

constexpr int64_t kPollInterval = kNsPerMs;
constexpr std::chrono::seconds kCallTimeout{30};
// Until a stream that has just been opened is known to the server for certain.
constexpr int64_t kWatchSettles = 300 * kNsPerMs;

double Ms(double ns) { return ns / static_cast<double>(kNsPerMs); }
double Ms(int64_t ns) { return Ms(static_cast<double>(ns)); }

std::string AppIdOf(const Options& options) {
  if (!options.app_id.empty()) return options.app_id;
  return fmt::format("bench-{:x}-{}", WallNs() / kNsPerMs, getpid());
}

}  // namespace

boost::json::object ToMilliseconds(const Histogram& histogram) {
  boost::json::object object;
  object["count"] = histogram.count();
  object["min"] = Ms(histogram.min());
  object["p50"] = Ms(histogram.Percentile(50));
  object["p90"] = Ms(histogram.Percentile(90));
  object["p99"] = Ms(histogram.Percentile(99));
  object["p99_9"] = Ms(histogram.Percentile(99.9));
  object["max"] = Ms(histogram.max());
  object["mean"] = Ms(histogram.mean());
  return object;
}

void Progress(const std::string& text) { std::cerr << "belfry-bench: " << text << std::endl; }

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const Options& options,
                                                       const std::string& workload) {
  std::unique_ptr<Session> session(new Session(options, workload));
  auto connections = Connections::Open(options);
  if (!connections.ok()) return connections.status();
  session->connections_ = *std::move(connections);
  return session;
}

Session::Session(const Options& options, const std::string& workload)
    : options_(options), maker_(options, AppIdOf(options)) {
  line_["workload"] = workload;
  line_["connections"] = options.connections;
  line_["streams"] = options.streams;
  line_["threads"] = options.threads;
  line_["payload"] = options.payload;
}

absl::Status Session::Watch(const std::string& app_id, const WatchStream::Handler& handler) {
  for (Connection& connection : connections_->streams()) {
    streams_.push_back(
        std::make_unique<WatchStream>(&connection, app_id, options_.namespace_, handler));
    if (absl::Status status = streams_.back()->Open(); !status.ok()) {
      // The handler may not outlive the caller, who gives up now.
      StopWatching();
      return status;
    }
  }
  SleepFor(kWatchSettles);
  return StreamError();
}

absl::Status Session::StreamError() const {
  for (const auto& stream : streams_) {
    if (absl::Status status = stream->error(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool Session::WaitForAnswers(int64_t timeout_ns) const {
  const int64_t deadline = MonotonicNs() + timeout_ns;
  for (const auto& stream : streams_) {
    while (stream->unanswered() > 0) {
      if (MonotonicNs() > deadline || !stream->error().ok()) return false;
      SleepFor(kPollInterval);
    }
  }
  return true;
}

absl::Status Session::WaitUntilGone(const std::vector<JobTag>& jobs, int64_t timeout_ns) {
  const int64_t deadline = MonotonicNs() + timeout_ns;
  for (const JobTag& job : jobs) {
    for (;;) {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
      pb::GetJobRequest request;
      request.set_name(maker_.Name(job));
      maker_.FillMetadata(request.mutable_metadata());
      pb::GetJobResponse response;
      const grpc::Status status =
          connections_->unary().front().stub->GetJob(&context, request, &response);
      if (status.error_code() == grpc::StatusCode::NOT_FOUND) break;
      if (!status.ok()) return FromGrpc(status);
      if (MonotonicNs() > deadline) {
        return absl::DeadlineExceededError(fmt::format("job {} is still there", job.number));
      }
      SleepFor(kPollInterval);
    }
  }
  return absl::OkStatus();
}

DeliveryCounts Session::FinishDeliveries(Deliveries* deliveries, uint64_t jobs, int64_t* end_ns) {
  const int64_t timeout_ns = SecondsToNs(options_.timeout_s);
  const bool all = deliveries->WaitFor(jobs, timeout_ns);
  DeliveryCounts counts = deliveries->counts();
  const bool answered = WaitForAnswers(timeout_ns);
  const absl::Status gone = WaitUntilGone(counts.last_jobs, timeout_ns);
  *end_ns = MonotonicNs();
  EndMeter();
  line_["jobs"] = jobs;
  line_["received"] = counts.received;
  line_["duplicates"] = counts.duplicates;
  line_["early"] = counts.early;
  line_["errors"] =
      (all ? 0 : 1) + (answered ? 0 : 1) + (gone.ok() ? 0 : 1) + (StreamError().ok() ? 0 : 1);
  if (!gone.ok()) line_["first_error"] = std::string(gone.message());
  line_["lateness_ms"] = ToMilliseconds(counts.lateness);
  return counts;
}

absl::Status Session::DeleteJobs(const std::string& app_id) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  pb::DeleteByMetadataRequest request;
  maker_.FillMetadata(request.mutable_metadata());
  request.mutable_metadata()->set_app_id(app_id);
  pb::DeleteByMetadataResponse response;
  return FromGrpc(
      connections_->unary().front().stub->DeleteByMetadata(&context, request, &response));
}

void Session::BeginMeter() {
  meter_ = std::make_unique<UsageMeter>(options_.pid, options_.data_dir);
}

void Session::EndMeter() { meter_->Report(&line_); }

}  // namespace belfry::bench
