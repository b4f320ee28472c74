#include "tests/bench/job_maker.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <random>

#include "fmt/format.h"
#include "tests/bench/clock.h"

namespace belfry::bench {
namespace {

namespace pb = dapr::proto::scheduler::v1;

constexpr size_t kRunDigits = 8;
constexpr size_t kNumberDigits = 10;
constexpr size_t kDueDigits = 16;
constexpr size_t kNumberAt = kRunDigits + 1;
constexpr size_t kDueAt = kNumberAt + kNumberDigits + 1;
constexpr size_t kShortestName = kDueAt + kDueDigits;
constexpr size_t kNoiseBytes = size_t{1} << 20;
constexpr int64_t kUsPerSecond = 1'000'000;

std::string NewRunId() {
  const auto mixed =
      static_cast<uint64_t>(WallNs()) * 0x9E3779B97F4A7C15U + static_cast<uint64_t>(getpid());
  return fmt::format("{:08x}", static_cast<uint32_t>(mixed >> 32));
}

template <typename Number>
bool ParseDigits(std::string_view digits, Number* number) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *number);
  return error == std::errc() && end == digits.data() + digits.size();
}

}  // namespace

std::string ToRfc3339(int64_t wall_us) {
  const std::time_t seconds = wall_us / kUsPerSecond;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     wall_us % kUsPerSecond);
}

JobMaker::JobMaker(const Options& options, std::string app_id)
    : namespace_(options.namespace_),
      app_id_(std::move(app_id)),
      run_(options.run.empty() ? NewRunId() : options.run),
      payload_(options.payload),
      name_bytes_(std::max(options.name_bytes, kShortestName)) {
  std::mt19937_64 random(1);
  noise_.resize(kNoiseBytes + payload_);
  for (char& byte : noise_) byte = static_cast<char>(random());
}

std::string JobMaker::Name(JobTag tag) const {
  std::string name = fmt::format("{}-{:010}-{:016}", run_, tag.number, tag.due_us);
  name.resize(name_bytes_, 'x');
  return name;
}

std::optional<JobTag> JobMaker::Parse(std::string_view name) const {
  JobTag tag;
  if (name.size() < kShortestName || !name.starts_with(run_)) return std::nullopt;
  if (!ParseDigits(name.substr(kNumberAt, kNumberDigits), &tag.number)) return std::nullopt;
  if (!ParseDigits(name.substr(kDueAt, kDueDigits), &tag.due_us)) return std::nullopt;
  return tag;
}

void JobMaker::FillMetadata(pb::JobMetadata* metadata) const {
  metadata->set_app_id(app_id_);
  metadata->set_namespace_(namespace_);
  metadata->mutable_target()->mutable_job();
}

void JobMaker::Prepare(pb::ScheduleJobRequest* request) const {
  FillMetadata(request->mutable_metadata());
  request->mutable_job()->mutable_data()->set_type_url(
      "type.googleapis.com/google.protobuf.BytesValue");
}

void JobMaker::Fill(JobTag tag, pb::ScheduleJobRequest* request) const {
  request->set_name(Name(tag));
  pb::Job* const job = request->mutable_job();
  job->set_due_time(tag.due_us == 0 ? "0s" : ToRfc3339(tag.due_us));
  job->mutable_data()->set_value(noise_.data() + tag.number * 101 % kNoiseBytes, payload_);
}

void JobMaker::FillRecurring(JobTag tag, int64_t period_us, pb::ScheduleJobRequest* request) const {
  Fill(tag, request);
  request->mutable_job()->set_schedule(fmt::format("@every {}us", period_us));
}

}  // namespace belfry::bench
