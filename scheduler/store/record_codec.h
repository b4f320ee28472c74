#pragma once

// Between records on disk and the values that the core works with.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "belfry/storage/v1/records.pb.h"
#include "scheduler/job/job_spec.h"

namespace belfry {

void EncodeInstant(absl::Time time, storage::v1::Instant* instant);
absl::Time DecodeInstant(const storage::v1::Instant& instant);

// What table `names` knows of a job.
struct NameEntry {
  uint64_t job_id = 0;
  absl::Time first_due;   // index position of the first tick, valid until a counter exists
  uint32_t group_id = 0;  // 0: the group of its target's jobs that have no concurrency key
};

// What table `counters` knows of a job.
struct Counter {
  Progress progress;
  absl::Time tick;  // scheduled time of the current tick
  absl::Time due;   // index position: the retry time while a retry is pending, else `tick`
};

// How far a job has come: what must be known besides its record to go on with it elsewhere.
struct RestoredProgress {
  absl::Time first_due;  // as NameEntry
  std::optional<Counter> counter;
};

std::string EncodeName(const NameEntry& entry);
std::string EncodeCounter(const Counter& counter);

// DataLoss if the bytes are not such a record.
absl::StatusOr<NameEntry> DecodeName(std::string_view bytes);
absl::StatusOr<Counter> DecodeCounter(std::string_view bytes);
absl::StatusOr<storage::v1::JobRecord> DecodeJob(std::string_view bytes);

// The record of an accepted job.
storage::v1::JobRecord MakeJobRecord(std::string_view name,
                                     dapr::proto::scheduler::v1::JobMetadata metadata,
                                     dapr::proto::scheduler::v1::Job job, const JobSpec& spec);

// What clients are shown of a stored job: all that they have submitted.
void ToNamedJob(storage::v1::JobRecord record, dapr::proto::scheduler::v1::NamedJob* named);

// The spec of a stored job: its texts are not resolved again, so they mean what they meant when
// the job was accepted. DataLoss if its schedule does not parse.
absl::StatusOr<JobSpec> RestoreSpec(const storage::v1::JobRecord& record);

}  // namespace belfry
