#include "client/cli/next.h"

#include <spdlog/fmt/fmt.h>

#include <charconv>
#include <cstdint>
#include <limits>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dapr/proto/scheduler/v1/scheduler.pb.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/job/job_spec.h"
#include "scheduler/schedule/rfc3339.h"
#include "scheduler/schedule/text.h"
#include "scheduler/schedule/time_range.h"

namespace belfry {
namespace {

using dapr::proto::scheduler::v1::Job;

constexpr int kExitInvalid = 2;

std::string_view Text(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// A decimal number without a sign, within low..high.
absl::StatusOr<uint32_t> ParseNumber(std::string_view option, const std::string& text, uint32_t low,
                                     uint32_t high) {
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::invalid_argument || stop != end) {
    return absl::InvalidArgumentError(fmt::format("{} {}: not a number", option, Quote(text)));
  }
  if (error != std::errc() || value < low || value > high) {
    return absl::InvalidArgumentError(
        fmt::format("{} {}: out of range {}-{}", option, Quote(text), low, high));
  }
  return value;
}

absl::StatusOr<absl::Time> ParseFrom(const NextOptions& options, Clock& clock) {
  if (!options.from) return clock.Now();
  const auto from = ParseRfc3339(*options.from);
  if (!from || !InTimeRange(*from)) {
    return absl::InvalidArgumentError(
        fmt::format("--from {}: not an RFC 3339 time in the years 1-9999", Quote(*options.from)));
  }
  return *from;
}

absl::StatusOr<Job> MakeJob(const NextOptions& options) {
  Job job;
  if (options.schedule) job.set_schedule(*options.schedule);
  if (options.due_time) job.set_due_time(*options.due_time);
  if (options.ttl) job.set_ttl(*options.ttl);
  if (options.repeats) {
    // 0 is left to the validation of the job, whose text for it is known.
    ASSIGN_OR_RETURN(const uint32_t repeats, ParseNumber("--repeats", *options.repeats, 0,
                                                         std::numeric_limits<uint32_t>::max()));
    job.set_repeats(repeats);
  }
  return job;
}

// What to put before a job's error so that the option and its value are named.
std::string Subject(const NextOptions& options, const absl::Status& status) {
  const auto subject = [](std::string_view option, const std::optional<std::string>& value) {
    return value ? fmt::format("{} {}: ", option, Quote(*value)) : std::string();
  };
  switch (InvalidField(status).value_or(JobField::kFailurePolicy)) {
    case JobField::kSchedule:
      // Most errors of a schedule quote it themselves.
      if (Text(status).find(": schedule \"") != std::string_view::npos) return "";
      return subject("schedule", options.schedule);
    case JobField::kRepeats:
      return subject("--repeats", options.repeats);
    case JobField::kDueTime:
      return subject("--due-time", options.due_time);
    case JobField::kTtl:
      return subject("--ttl", options.ttl);
    case JobField::kFailurePolicy:  // cannot be given here
      return "";
  }
  return "";
}

struct Preview {
  JobSpec spec;
  uint32_t count = kDefaultNextCount;
};

absl::StatusOr<Preview> ParseOptions(const NextOptions& options, Clock& clock) {
  Preview preview;
  if (options.count) {
    ASSIGN_OR_RETURN(preview.count, ParseNumber("--count", *options.count, 1, kMaxNextCount));
  }
  ASSIGN_OR_RETURN(const absl::Time from, ParseFrom(options, clock));
  ASSIGN_OR_RETURN(const Job job, MakeJob(options));
  auto spec = ParseJob(job, from);
  if (!spec.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{}{}", Subject(options, spec.status()), Text(spec.status())));
  }
  preview.spec = *std::move(spec);
  return preview;
}

}  // namespace

int RunNext(const NextOptions& options, Clock& clock, std::ostream& out, std::ostream& err) {
  const auto preview = ParseOptions(options, clock);
  if (!preview.ok()) {
    err << "belfry next: " << Text(preview.status()) << '\n';
    return kExitInvalid;
  }
  Progress progress;
  for (uint32_t i = 0; i < preview->count; ++i) {
    const auto tick = NextTick(preview->spec, progress);
    if (!tick) break;
    out << FormatRfc3339(*tick) << '\n';
    progress.last_trigger = *tick;
    ++progress.count;
  }
  return 0;
}

}  // namespace belfry
