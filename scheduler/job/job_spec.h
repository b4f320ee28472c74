#pragma once

// JobSpec: an accepted job with its texts resolved to times, and the rules for its ticks.

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dapr/proto/scheduler/v1/scheduler.pb.h"
#include "scheduler/schedule/schedule.h"

namespace belfry {

// What happens after a FAILED answer.
struct FailurePolicy {
  bool drop = false;                           // the tick is given up at once
  absl::Duration interval = absl::Seconds(1);  // pause before a retry
  std::optional<uint32_t> max_retries = 3;     // nullopt: no limit
};

struct JobSpec {
  std::optional<Schedule> schedule;  // nullopt: a one-shot
  std::optional<uint32_t> repeats;
  // The due time if there was one, else the time of creation, from which ticks are counted.
  absl::Time begin;
  bool begins_at_due_time = false;
  std::optional<absl::Time> expiration;
  FailurePolicy policy;
};

// How far a job has come.
struct Progress {
  uint32_t count = 0;                      // settled ticks, successful or given up
  std::optional<absl::Time> last_trigger;  // scheduled time of the last settled tick
  uint32_t attempts = 0;                   // failed tries of the current tick
};

// The part of a job that is at fault.
enum class JobField { kSchedule, kRepeats, kDueTime, kTtl, kFailurePolicy };

// Validates a job as it was submitted at `now`; its name is not looked at. The InvalidArgument
// message begins with "job failed validation: ". The first of these that fails decides: no schedule
// and no due time, repeats without a schedule, repeats of 0, ttl without a schedule, schedule,
// failure policy, due time, ttl, ttl before the due time.
// REQUIRES: `now` lies in the years 1 to 9999.
absl::StatusOr<JobSpec> ParseJob(const dapr::proto::scheduler::v1::Job& job, absl::Time now);

// As ParseJob for a job that was accepted earlier, whose texts were resolved to `begin` and
// `expiration` then: the texts of times are not looked at. It has an expiration exactly if it has a
// ttl, and `begin` is its due time exactly if it has one.
absl::StatusOr<JobSpec> ParseResolvedJob(const dapr::proto::scheduler::v1::Job& job,
                                         absl::Time begin, std::optional<absl::Time> expiration);

// The part that an error of ParseJob is about; nullopt for any other status.
std::optional<JobField> InvalidField(const absl::Status& status);

// The policy of a job as the wire has it; the default (constant, 1 s, 3 retries) if it has none. A
// constant policy without an interval retries at once, as does one with a negative interval;
// without max_retries it retries for ever.
FailurePolicy ParseFailurePolicy(const dapr::proto::scheduler::v1::Job& job);

// Writes the default policy into a job that has none, so that readers see what applies.
void FillDefaultFailurePolicy(dapr::proto::scheduler::v1::Job* job);

// The next tick of a job, or nullopt when it has none left (all repeats done, or the next tick
// would lie after the expiration).
std::optional<absl::Time> NextTick(const JobSpec& spec, const Progress& progress);

}  // namespace belfry
