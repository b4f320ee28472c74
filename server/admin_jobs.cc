#include "server/admin_jobs.h"

#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/job/job_key.h"
#include "scheduler/schedule/time_range.h"
#include "scheduler/store/record_codec.h"
#include "scheduler/store/restored_job.h"

namespace belfry::server {
namespace {

using google::protobuf::Timestamp;

constexpr int32_t kNanosPerSecond = 1'000'000'000;

void ToTimestamp(absl::Time time, Timestamp* timestamp) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  timestamp->set_seconds(seconds);
  timestamp->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

absl::Status Invalid(std::string_view field, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", field, what));
}

absl::StatusOr<absl::Time> FromTimestamp(std::string_view field, const Timestamp& timestamp) {
  const bool in_range = timestamp.seconds() >= kFirstUnixSecond &&
                        timestamp.seconds() < kEndUnixSecond && timestamp.nanos() >= 0 &&
                        timestamp.nanos() < kNanosPerSecond;
  if (!in_range) return Invalid(field, "not within the years 1 to 9999");
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

// A time that must be there.
absl::StatusOr<absl::Time> Required(std::string_view field, bool is_set,
                                    const Timestamp& timestamp) {
  if (!is_set) return Invalid(field, "is required");
  return FromTimestamp(field, timestamp);
}

void ToCounter(const Counter& from, v1::JobCounter* to) {
  to->set_count(from.progress.count);
  to->set_attempts(from.progress.attempts);
  if (from.progress.last_trigger.has_value()) {
    ToTimestamp(*from.progress.last_trigger, to->mutable_last_trigger());
  }
  ToTimestamp(from.tick, to->mutable_tick());
  ToTimestamp(from.due, to->mutable_next_due());
}

absl::StatusOr<Counter> FromCounter(const v1::JobCounter& from) {
  Counter counter;
  counter.progress.count = from.count();
  counter.progress.attempts = from.attempts();
  if (from.has_last_trigger()) {
    ASSIGN_OR_RETURN(counter.progress.last_trigger,
                     FromTimestamp("counter.lastTrigger", from.last_trigger()));
  }
  ASSIGN_OR_RETURN(counter.tick, Required("counter.tick", from.has_tick(), from.tick()));
  ASSIGN_OR_RETURN(counter.due, Required("counter.nextDue", from.has_next_due(), from.next_due()));
  return counter;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> PrefixesOf(const v1::JobFilter& filter) {
  if (filter.target_case() == v1::JobFilter::TARGET_NOT_SET) {
    return NamespacePrefixes(filter.namespace_());
  }
  if (filter.namespace_().empty()) {
    return absl::InvalidArgumentError("filter: an app id or actor type needs a namespace");
  }
  const bool is_app = filter.has_app_id();
  return std::vector<std::string>{
      EncodeTargetKey({is_app ? TargetKind::kApp : TargetKind::kActor, filter.namespace_(),
                       is_app ? filter.app_id() : filter.actor_type()})};
}

v1::ExportedJob ToExported(StoredJob job) {
  v1::ExportedJob out;
  storage::v1::JobRecord& record = job.record;
  out.set_name(std::move(*record.mutable_name()));
  *out.mutable_metadata() = std::move(*record.mutable_metadata());
  *out.mutable_job() = std::move(*record.mutable_job());
  ToTimestamp(DecodeInstant(record.has_due_time() ? record.due_time() : record.start()),
              out.mutable_begin());
  if (record.has_expiration()) {
    ToTimestamp(DecodeInstant(record.expiration()), out.mutable_expiration());
  }
  ToTimestamp(job.progress.first_due, out.mutable_first_due());
  if (job.progress.counter.has_value()) {
    ToCounter(*job.progress.counter, out.mutable_counter());
  }
  return out;
}

v1::UnreadableJob ToUnreadable(UnreadableJob job) {
  v1::UnreadableJob out;
  out.set_name(std::move(job.name));
  out.set_error(std::move(job.error));
  return out;
}

absl::StatusOr<StoredJob> FromExported(v1::ExportedJob job) {
  StoredJob out;
  storage::v1::JobRecord& record = out.record;
  ASSIGN_OR_RETURN(const absl::Time begin, Required("begin", job.has_begin(), job.begin()));
  EncodeInstant(begin,
                job.job().has_due_time() ? record.mutable_due_time() : record.mutable_start());
  if (job.has_expiration()) {
    ASSIGN_OR_RETURN(const absl::Time end, FromTimestamp("expiration", job.expiration()));
    EncodeInstant(end, record.mutable_expiration());
  }
  ASSIGN_OR_RETURN(out.progress.first_due,
                   Required("firstDue", job.has_first_due(), job.first_due()));
  if (job.has_counter()) {
    ASSIGN_OR_RETURN(out.progress.counter, FromCounter(job.counter()));
  }
  record.set_name(std::move(*job.mutable_name()));
  *record.mutable_metadata() = std::move(*job.mutable_metadata());
  *record.mutable_job() = std::move(*job.mutable_job());
  RETURN_IF_ERROR(CheckRestoredJob(record, out.progress));
  return out;
}

}  // namespace belfry::server
