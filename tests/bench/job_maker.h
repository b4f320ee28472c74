#pragma once

// JobMaker: the jobs of a run. A job's name tells its number and its due time, so that the handler
// can judge a trigger without looking anything up, and tells apart the jobs of different runs.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dapr/proto/scheduler/v1/scheduler.pb.h"
#include "tests/bench/options.h"

namespace belfry::bench {

// What a name tells.
struct JobTag {
  uint64_t number = 0;
  int64_t due_us = 0;  // wall clock, microseconds; 0: the job has no due time of its own
};

// Thread safety: all methods may be called from any thread.
class JobMaker {
 public:
  // Payloads are `options.payload` bytes that do not compress, names `options.name_bytes` (at least
  // 36). The jobs are those of `options.run`, or of a run of their own if that is empty.
  JobMaker(const Options& options, std::string app_id);

  const std::string& app_id() const { return app_id_; }
  const std::string& run() const { return run_; }
  std::string Name(JobTag tag) const;
  // What a name of this run tells; nullopt for a name of another.
  std::optional<JobTag> Parse(std::string_view name) const;

  // Whose jobs they are.
  void FillMetadata(dapr::proto::scheduler::v1::JobMetadata* metadata) const;
  // Prepares a request that is used for one job after the other.
  void Prepare(dapr::proto::scheduler::v1::ScheduleJobRequest* request) const;
  // Makes a prepared request ask for one job: once at its due time, or at once without one.
  void Fill(JobTag tag, dapr::proto::scheduler::v1::ScheduleJobRequest* request) const;
  // As Fill, for a job that ticks every `period_us`, beginning at its due time.
  void FillRecurring(JobTag tag, int64_t period_us,
                     dapr::proto::scheduler::v1::ScheduleJobRequest* request) const;

 private:
  const std::string namespace_;
  const std::string app_id_;
  const std::string run_;  // eight hexadecimal digits that no other run has
  const size_t payload_;
  const size_t name_bytes_;
  std::string noise_;  // what payloads are cut from
};

// An instant as RFC 3339 in UTC, with microseconds.
std::string ToRfc3339(int64_t wall_us);

}  // namespace belfry::bench
