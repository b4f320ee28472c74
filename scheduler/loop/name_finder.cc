#include "scheduler/loop/name_finder.h"

#include "belfry/storage/v1/records.pb.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/job/job_key.h"
#include "scheduler/job/key_codec.h"

namespace belfry {
namespace {

// The group that a job's record has to be named with; 0 if its key leads there, or it is gone.
absl::StatusOr<uint32_t> GroupIdOf(const Store& store, const storage::v1::JobRecord& record) {
  if (record.metadata().concurrency_key().empty()) return 0;
  const TargetKey target = JobKeyOf(record.metadata(), record.name()).target;
  ASSIGN_OR_RETURN(
      const auto bytes,
      store.Get(Table::kGroups, EncodeGroupKey(target, record.metadata().concurrency_key())));
  storage::v1::GroupRecord group;
  if (!bytes.has_value() || !group.ParseFromString(*bytes)) return 0;
  return group.group_id();
}

}  // namespace

absl::StatusOr<std::optional<NameEntry>> FindNameEntry(const Store& store,
                                                       const std::string& job_key) {
  uint64_t job_id = 0;
  storage::v1::JobRecord record;
  RETURN_IF_ERROR(store.Scan({Table::kJobs, "", ""}, [&](auto key, auto value) {
    const auto id = DecodeId(key);
    auto job = DecodeJob(value);
    if (!id.has_value() || !job.ok()) return true;
    if (EncodeJobKey(JobKeyOf(job->metadata(), job->name())) != job_key) return true;
    // Ids grow, and so the last one is the newest.
    job_id = *id;
    record = *std::move(job);
    return true;
  }));
  if (job_id == 0) return std::nullopt;
  const auto spec = RestoreSpec(record);
  if (!spec.ok()) return std::nullopt;
  ASSIGN_OR_RETURN(const uint32_t group_id, GroupIdOf(store, record));
  return NameEntry{job_id, NextTick(*spec, Progress{}).value_or(spec->begin), group_id};
}

}  // namespace belfry
