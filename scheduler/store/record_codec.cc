#include "scheduler/store/record_codec.h"

#include <utility>

#include "scheduler/base/status_macros.h"
#include "scheduler/schedule/time_range.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

constexpr uint32_t kNanosPerSecond = 1'000'000'000;

template <typename Record>
absl::StatusOr<Record> ParseRecord(std::string_view bytes, std::string_view what) {
  Record record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(
        fmt::format("{} record of {} bytes does not parse", what, bytes.size()));
  }
  return record;
}

// A time that a schedule can have; what is not one cannot be computed with.
bool IsTime(const storage::v1::Instant& instant) {
  return instant.seconds() >= kFirstUnixSecond && instant.seconds() < kEndUnixSecond &&
         instant.nanos() < kNanosPerSecond;
}

absl::Status NoTime(std::string_view field) {
  return absl::DataLossError(fmt::format("{} is no time of the years 1 to 9999", field));
}

}  // namespace

void EncodeInstant(absl::Time time, storage::v1::Instant* instant) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  instant->set_seconds(seconds);
  instant->set_nanos(
      static_cast<uint32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

absl::Time DecodeInstant(const storage::v1::Instant& instant) {
  return absl::FromUnixSeconds(instant.seconds()) + absl::Nanoseconds(instant.nanos());
}

std::string EncodeName(const NameEntry& entry) {
  storage::v1::NameRecord record;
  record.set_job_id(entry.job_id);
  EncodeInstant(entry.first_due, record.mutable_first_due());
  if (entry.group_id != 0) record.set_group_id(entry.group_id);
  return record.SerializeAsString();
}

std::string EncodeCounter(const Counter& counter) {
  storage::v1::CounterRecord record;
  record.set_count(counter.progress.count);
  if (counter.progress.last_trigger.has_value()) {
    EncodeInstant(*counter.progress.last_trigger, record.mutable_last_trigger());
  }
  record.set_attempts(counter.progress.attempts);
  EncodeInstant(counter.tick, record.mutable_tick());
  if (counter.due != counter.tick) EncodeInstant(counter.due, record.mutable_next_due());
  return record.SerializeAsString();
}

absl::StatusOr<NameEntry> DecodeName(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto record, ParseRecord<storage::v1::NameRecord>(bytes, "name"));
  if (record.job_id() == 0) return absl::DataLossError("name record has no job id");
  if (!IsTime(record.first_due())) return NoTime("first_due of a name record");
  return NameEntry{record.job_id(), DecodeInstant(record.first_due()), record.group_id()};
}

absl::StatusOr<Counter> DecodeCounter(std::string_view bytes) {
  ASSIGN_OR_RETURN(const auto record, ParseRecord<storage::v1::CounterRecord>(bytes, "counter"));
  if (!record.has_tick()) return absl::DataLossError("counter record has no tick");
  if (!IsTime(record.tick())) return NoTime("tick of a counter record");
  if (record.has_last_trigger() && !IsTime(record.last_trigger())) {
    return NoTime("last_trigger of a counter record");
  }
  // Far retries may lie beyond.
  if (record.next_due().nanos() >= kNanosPerSecond) {
    return absl::DataLossError("next_due of a counter record has too many nanoseconds");
  }
  Counter counter;
  counter.progress.count = record.count();
  counter.progress.attempts = record.attempts();
  if (record.has_last_trigger()) {
    counter.progress.last_trigger = DecodeInstant(record.last_trigger());
  }
  counter.tick = DecodeInstant(record.tick());
  counter.due = record.has_next_due() ? DecodeInstant(record.next_due()) : counter.tick;
  return counter;
}

absl::StatusOr<storage::v1::JobRecord> DecodeJob(std::string_view bytes) {
  ASSIGN_OR_RETURN(auto record, ParseRecord<storage::v1::JobRecord>(bytes, "job"));
  if (record.begin_case() == storage::v1::JobRecord::BEGIN_NOT_SET) {
    return absl::DataLossError("job record has no begin");
  }
  if (!IsTime(record.has_due_time() ? record.due_time() : record.start())) {
    return NoTime("begin of a job record");
  }
  if (record.has_expiration() && record.expiration().nanos() >= kNanosPerSecond) {
    return absl::DataLossError("expiration of a job record has too many nanoseconds");
  }
  return record;
}

storage::v1::JobRecord MakeJobRecord(std::string_view name,
                                     dapr::proto::scheduler::v1::JobMetadata metadata,
                                     dapr::proto::scheduler::v1::Job job, const JobSpec& spec) {
  storage::v1::JobRecord record;
  record.set_name(std::string(name));
  *record.mutable_metadata() = std::move(metadata);
  *record.mutable_job() = std::move(job);
  EncodeInstant(spec.begin,
                spec.begins_at_due_time ? record.mutable_due_time() : record.mutable_start());
  if (spec.expiration.has_value()) EncodeInstant(*spec.expiration, record.mutable_expiration());
  return record;
}

void ToNamedJob(storage::v1::JobRecord record, dapr::proto::scheduler::v1::NamedJob* named) {
  named->set_name(std::move(*record.mutable_name()));
  *named->mutable_metadata() = std::move(*record.mutable_metadata());
  *named->mutable_job() = std::move(*record.mutable_job());
}

absl::StatusOr<JobSpec> RestoreSpec(const storage::v1::JobRecord& record) {
  JobSpec spec;
  if (record.job().has_schedule()) {
    auto schedule = Schedule::Parse(record.job().schedule());
    if (!schedule.ok()) {
      return absl::DataLossError(fmt::format("stored job \"{}\": {}", record.name(),
                                             std::string(schedule.status().message())));
    }
    spec.schedule = *std::move(schedule);
  }
  if (record.job().has_repeats()) spec.repeats = record.job().repeats();
  spec.begins_at_due_time = record.has_due_time();
  spec.begin = DecodeInstant(record.has_due_time() ? record.due_time() : record.start());
  if (record.has_expiration()) spec.expiration = DecodeInstant(record.expiration());
  spec.policy = ParseFailurePolicy(record.job());
  return spec;
}

}  // namespace belfry
