#include "scheduler/store/restored_job.h"

#include <optional>
#include <string>
#include <string_view>

#include "scheduler/base/status_macros.h"
#include "scheduler/job/job_key.h"
#include "scheduler/job/job_spec.h"
#include "scheduler/schedule/time_range.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

absl::Status Invalid(std::string_view field, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", field, what));
}

std::string_view NameOf(JobField field) {
  switch (field) {
    case JobField::kSchedule:
      return "schedule";
    case JobField::kRepeats:
      return "repeats";
    case JobField::kDueTime:
      return "dueTime";
    case JobField::kTtl:
      return "ttl";
    case JobField::kFailurePolicy:
      return "failurePolicy";
  }
  return "job";
}

absl::Status CheckTime(std::string_view field, absl::Time time) {
  if (InTimeRange(time)) return absl::OkStatus();
  return Invalid(field, "not within the years 1 to 9999");
}

// No tick may lie outside of this.
struct Span {
  absl::Time begin;
  std::optional<absl::Time> end;
};

absl::Status CheckTick(std::string_view field, absl::Time tick, const Span& span) {
  RETURN_IF_ERROR(CheckTime(field, tick));
  if (tick < span.begin) return Invalid(field, "lies before begin");
  if (span.end.has_value() && tick > *span.end) return Invalid(field, "lies after expiration");
  return absl::OkStatus();
}

absl::Status CheckCounter(const Counter& counter, const JobSpec& spec, const Span& span) {
  RETURN_IF_ERROR(CheckTick("counter.tick", counter.tick, span));
  RETURN_IF_ERROR(CheckTime("counter.nextDue", counter.due));
  if (counter.due < counter.tick) {
    return Invalid("counter.nextDue", "lies before counter.tick: it would fire early");
  }
  const Progress& progress = counter.progress;
  if (progress.last_trigger.has_value()) {
    RETURN_IF_ERROR(CheckTick("counter.lastTrigger", *progress.last_trigger, span));
    if (*progress.last_trigger > counter.tick) {
      return Invalid("counter.lastTrigger", "lies after counter.tick");
    }
  }
  if (spec.repeats.has_value() && progress.count >= *spec.repeats) {
    return Invalid("counter.count",
                   fmt::format("{} of {} repeats: no tick is left", progress.count, *spec.repeats));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRestoredJob(const storage::v1::JobRecord& record,
                              const RestoredProgress& progress) {
  RETURN_IF_ERROR(ParseJobKey(record.metadata(), record.name()).status());
  if (record.begin_case() == storage::v1::JobRecord::BEGIN_NOT_SET) {
    return Invalid("begin", "is required");
  }
  Span span{DecodeInstant(record.has_due_time() ? record.due_time() : record.start()), {}};
  RETURN_IF_ERROR(CheckTime("begin", span.begin));
  if (record.has_expiration()) {
    span.end = DecodeInstant(record.expiration());
    RETURN_IF_ERROR(CheckTime("expiration", *span.end));
  }
  const auto spec = ParseResolvedJob(record.job(), span.begin, span.end);
  if (!spec.ok()) {
    const auto field = InvalidField(spec.status());
    return Invalid(field.has_value() ? NameOf(*field) : "job",
                   std::string(spec.status().message()));
  }
  if (spec->begins_at_due_time != record.has_due_time()) {
    return Invalid("dueTime", "the beginning is a due time only of a job that has one");
  }
  RETURN_IF_ERROR(CheckTick("firstDue", progress.first_due, span));
  if (!progress.counter.has_value()) return absl::OkStatus();
  return CheckCounter(*progress.counter, *spec, span);
}

}  // namespace belfry
