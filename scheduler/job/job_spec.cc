#include "scheduler/job/job_spec.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/cord.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/schedule/point_in_time.h"

namespace belfry {
namespace {

using dapr::proto::common::v1::JobFailurePolicy;
using dapr::proto::scheduler::v1::Job;

// Callers match on this text, and on some of those below: they are part of the API.
constexpr std::string_view kErrorPrefix = "job failed validation: ";

constexpr char kFieldPayload[] = "belfry/job-field";

// What a protobuf Duration may hold: about 10,000 years.
constexpr int64_t kMaxIntervalSeconds = 315'576'000'000;
constexpr int32_t kMaxIntervalNanos = 999'999'999;

absl::Status Invalid(JobField field, std::string_view message) {
  absl::Status status = absl::InvalidArgumentError(fmt::format("{}{}", kErrorPrefix, message));
  status.SetPayload(kFieldPayload, absl::Cord(std::string(1, static_cast<char>(field))));
  return status;
}

absl::Status Invalid(JobField field, const absl::Status& status) {
  return Invalid(field, std::string_view(status.message().data(), status.message().size()));
}

// Checks that need no parsing, in the order that callers may rely on.
absl::Status CheckCombination(const Job& job) {
  if (!job.has_schedule() && !job.has_due_time()) {
    return Invalid(JobField::kSchedule, "job must have either a due time or a schedule");
  }
  if (job.repeats() > 1 && !job.has_schedule()) {
    return Invalid(JobField::kRepeats, "job must have a schedule to repeat");
  }
  if (job.has_repeats() && job.repeats() == 0) {
    return Invalid(JobField::kRepeats, "defined repeats must be greater than 0");
  }
  if (job.has_ttl() && !job.has_schedule()) {
    return Invalid(JobField::kTtl, "job must have a schedule to have a ttl");
  }
  return absl::OkStatus();
}

absl::Status CheckFailurePolicy(const Job& job) {
  if (!job.failure_policy().constant().has_interval()) return absl::OkStatus();
  const auto& interval = job.failure_policy().constant().interval();
  const bool in_range =
      interval.seconds() >= -kMaxIntervalSeconds && interval.seconds() <= kMaxIntervalSeconds &&
      interval.nanos() >= -kMaxIntervalNanos && interval.nanos() <= kMaxIntervalNanos;
  const bool signs_agree = interval.seconds() == 0 || interval.nanos() == 0 ||
                           (interval.seconds() < 0) == (interval.nanos() < 0);
  if (in_range && signs_agree) return absl::OkStatus();
  return Invalid(JobField::kFailurePolicy,
                 fmt::format("failure policy interval of {} seconds and {} nanoseconds is not a "
                             "valid duration",
                             interval.seconds(), interval.nanos()));
}

// Everything but what depends on the time of creation.
absl::StatusOr<JobSpec> ParseWithoutTimes(const Job& job) {
  RETURN_IF_ERROR(CheckCombination(job));
  JobSpec spec;
  if (job.has_schedule()) {
    auto schedule = Schedule::Parse(job.schedule());
    if (!schedule.ok()) return Invalid(JobField::kSchedule, schedule.status());
    spec.schedule = *std::move(schedule);
  }
  if (job.has_repeats()) spec.repeats = job.repeats();
  RETURN_IF_ERROR(CheckFailurePolicy(job));
  spec.policy = ParseFailurePolicy(job);
  return spec;
}

}  // namespace

absl::StatusOr<JobSpec> ParseJob(const Job& job, absl::Time now) {
  ASSIGN_OR_RETURN(JobSpec spec, ParseWithoutTimes(job));
  spec.begin = now;
  if (job.has_due_time()) {
    const auto due_time = ParseDueTime(job.due_time(), now);
    if (!due_time.ok()) return Invalid(JobField::kDueTime, due_time.status());
    spec.begin = *due_time;
    spec.begins_at_due_time = true;
  }
  if (job.has_ttl()) {
    const auto expiration = ParseTtl(job.ttl(), spec.begin);
    if (!expiration.ok()) return Invalid(JobField::kTtl, expiration.status());
    if (spec.begins_at_due_time && *expiration < spec.begin) {
      return Invalid(JobField::kTtl, "ttl must be greater than due time");
    }
    spec.expiration = *expiration;
  }
  return spec;
}

absl::StatusOr<JobSpec> ParseResolvedJob(const Job& job, absl::Time begin,
                                         std::optional<absl::Time> expiration) {
  ASSIGN_OR_RETURN(JobSpec spec, ParseWithoutTimes(job));
  if (job.has_ttl() != expiration.has_value()) {
    return Invalid(JobField::kTtl, "a job has an expiration if it has a ttl, and only then");
  }
  spec.begin = begin;
  spec.begins_at_due_time = job.has_due_time();
  spec.expiration = expiration;
  return spec;
}

std::optional<JobField> InvalidField(const absl::Status& status) {
  const auto payload = status.GetPayload(kFieldPayload);
  if (!payload || payload->size() != 1) return std::nullopt;
  return static_cast<JobField>((*payload)[0]);
}

FailurePolicy ParseFailurePolicy(const Job& job) {
  FailurePolicy policy;
  switch (job.failure_policy().policy_case()) {
    case JobFailurePolicy::kDrop:
      policy.drop = true;
      return policy;
    case JobFailurePolicy::kConstant: {
      const auto& constant = job.failure_policy().constant();
      const absl::Duration interval = absl::Seconds(constant.interval().seconds()) +
                                      absl::Nanoseconds(constant.interval().nanos());
      policy.interval = std::max(interval, absl::ZeroDuration());
      policy.max_retries = std::nullopt;
      if (constant.has_max_retries()) policy.max_retries = constant.max_retries();
      return policy;
    }
    case JobFailurePolicy::POLICY_NOT_SET:
      return policy;
  }
  return policy;
}

void FillDefaultFailurePolicy(Job* job) {
  if (job->failure_policy().policy_case() != JobFailurePolicy::POLICY_NOT_SET) return;
  const FailurePolicy policy;
  auto* constant = job->mutable_failure_policy()->mutable_constant();
  constant->mutable_interval()->set_seconds(absl::ToInt64Seconds(policy.interval));
  constant->set_max_retries(*policy.max_retries);
}

std::optional<absl::Time> NextTick(const JobSpec& spec, const Progress& progress) {
  if (!spec.schedule) {
    if (progress.count > 0) return std::nullopt;
    return spec.begin;
  }
  if (spec.repeats && progress.count >= *spec.repeats) return std::nullopt;

  std::optional<absl::Time> tick;
  if (progress.last_trigger) {
    tick = spec.schedule->Next(*progress.last_trigger);
  } else if (spec.begins_at_due_time) {
    tick = spec.begin;
  } else {
    tick = spec.schedule->Next(spec.begin);
  }
  if (tick && spec.expiration && *tick > *spec.expiration) return std::nullopt;
  return tick;
}

}  // namespace belfry
