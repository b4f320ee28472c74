#include "scheduler/loop/job_reader.h"

#include <utility>

#include "scheduler/base/limits.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/job/key_codec.h"
#include "scheduler/store/quarantine.h"
#include "scheduler/store/record_codec.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace belfry {
namespace {

// How often Get looks again when the job was replaced between its two reads.
constexpr int kMaxReadTries = 16;

LoadedJob Unreadable(LoadedJob job, const absl::Status& status, std::string raw) {
  job.state = LoadedJob::State::kUnreadable;
  job.error = std::string(status.message());
  job.raw = std::move(raw);
  return job;
}

constexpr char kMissing[] = "is missing or was set aside, see `belfry admin quarantine`";

// Why a job can neither be read nor fired.
absl::Status Lost(std::string_view what, uint64_t job_id, std::string_view why) {
  return absl::DataLossError(
      fmt::format("the {} of job {} {}; delete the job, or schedule it again with overwrite", what,
                  job_id, why));
}

// A job without its counter is not fired any more.
absl::StatusOr<bool> IsCounterSetAside(const Store& store, uint64_t job_id) {
  const std::string key = QuarantineKey(Table::kCounters, EncodeId(job_id));
  ASSIGN_OR_RETURN(const auto bytes, store.Get(Table::kQuarantine, key));
  return bytes.has_value();
}

}  // namespace

absl::StatusOr<ScanResult> ScanIndex(const Store& store, const ScanRequest& request) {
  ScanResult result;
  result.group_id = request.group_id;
  result.generation = request.generation;
  result.counts_only = request.counts_only;
  result.reached_end = true;
  const KeyRange range{Table::kDue, EncodeDue(request.group_id, request.from),
                       PrefixEnd(EncodeDuePrefix(request.group_id))};
  RETURN_IF_ERROR(store.Scan(range, [&](std::string_view key, std::string_view) {
    if (result.entries.size() == request.limit) {
      result.reached_end = false;
      return false;
    }
    const auto position = DecodeDue(key);
    if (position.has_value()) {
      result.entries.push_back(*position);
    } else {
      spdlog::error("index entry ignored, its key is malformed group={} bytes={}", request.group_id,
                    key.size());
    }
    return true;
  }));
  return result;
}

LoadedJob LoadJob(uint64_t job_id, std::optional<std::string> record_bytes,
                  std::optional<std::string> counter_bytes) {
  LoadedJob job;
  job.job_id = job_id;
  if (!record_bytes.has_value()) return job;
  auto record = DecodeJob(*record_bytes);
  if (!record.ok()) return Unreadable(std::move(job), record.status(), *std::move(record_bytes));
  auto spec = RestoreSpec(*record);
  if (!spec.ok()) return Unreadable(std::move(job), spec.status(), *std::move(record_bytes));
  if (counter_bytes.has_value()) {
    auto counter = DecodeCounter(*counter_bytes);
    if (!counter.ok()) {
      job.raw_table = Table::kCounters;
      return Unreadable(std::move(job), counter.status(), *std::move(counter_bytes));
    }
    job.counter = *counter;
  }
  job.state = LoadedJob::State::kFound;
  job.job_key = EncodeJobKey(JobKeyOf(record->metadata(), record->name()));
  job.spec = *std::move(spec);
  job.message.set_name(std::move(*record->mutable_name()));
  if (record->job().has_data()) {
    *job.message.mutable_data() = std::move(*record->mutable_job()->mutable_data());
  }
  *job.message.mutable_metadata() = std::move(*record->mutable_metadata());
  return job;
}

absl::StatusOr<PurgeEvent> ScanPurge(const Store& store, const PurgeRequest& request) {
  PurgeEvent event;
  event.request = request;
  event.done = true;
  const KeyRange range{Table::kNames, request.from, PrefixEnd(request.prefix)};
  RETURN_IF_ERROR(store.Scan(range, [&](std::string_view key, std::string_view value) {
    if (event.jobs.size() == kPurgeSlice) {
      event.next = std::string(key);
      event.done = false;
      return false;
    }
    const auto entry = DecodeName(value);
    if (!entry.ok()) {
      event.unreadable = event.next = std::string(key);
      event.done = false;
      return false;
    }
    if (entry->job_id <= request.ceiling) {
      event.jobs.push_back({std::string(key), entry->job_id});
    }
    return true;
  }));
  for (const PurgeEvent::Job& job : event.jobs) {
    RETURN_IF_ERROR(store.Get(Table::kCounters, EncodeId(job.job_id)).status());
  }
  return event;
}

absl::StatusOr<storage::v1::JobRecord> ReadJob(const Store& store, const PrefixDeletes& deleted,
                                               const std::string& job_key) {
  uint64_t last_id = 0;
  for (int tries = 0; tries < kMaxReadTries; ++tries) {
    ASSIGN_OR_RETURN(const auto name_bytes, store.Get(Table::kNames, job_key));
    if (!name_bytes.has_value()) return absl::NotFoundError("job not found");
    ASSIGN_OR_RETURN(const auto entry, DecodeName(*name_bytes));
    if (deleted.Covers(job_key, entry.job_id)) return absl::NotFoundError("job not found");
    ASSIGN_OR_RETURN(auto record, ReadRecord(store, entry.job_id));
    if (record.has_value()) return *std::move(record);
    if (entry.job_id == last_id) return Lost("record", last_id, kMissing);
    // Replaced or deleted between the two reads.
    last_id = entry.job_id;
  }
  return absl::UnavailableError("the job is being replaced too fast to be read");
}

absl::StatusOr<std::optional<storage::v1::JobRecord>> ReadRecord(const Store& store,
                                                                 uint64_t job_id) {
  ASSIGN_OR_RETURN(const auto bytes, store.Get(Table::kJobs, EncodeId(job_id)));
  if (!bytes.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const bool is_stopped, IsCounterSetAside(store, job_id));
  if (is_stopped) return Lost("counter", job_id, kMissing);
  auto record = DecodeJob(*bytes);
  if (!record.ok()) return Lost("record", job_id, "does not parse");
  return *std::move(record);
}

bool IsUnreadableName(const Store& store, const std::string& job_key) {
  const auto bytes = store.Get(Table::kNames, job_key);
  return bytes.ok() && bytes->has_value() && !DecodeName(**bytes).ok();
}

absl::StatusOr<EncodedList> ListJobs(const Store& store, const std::string& prefix,
                                     size_t max_bytes) {
  const auto snapshot = store.TakeSnapshot();
  // Of the same instant as the names: a purge that ends meanwhile must not show half a prefix.
  ASSIGN_OR_RETURN(const PrefixDeletes deleted, ReadPrefixDeletes(store, snapshot.get()));
  EncodedList jobs;
  size_t bytes = 0;
  absl::Status status;
  RETURN_IF_ERROR(store.Scan(
      {Table::kNames, prefix, PrefixEnd(prefix)},
      [&](std::string_view key, std::string_view value) {
        const auto entry = DecodeName(value);
        if (!entry.ok()) {
          spdlog::error("name record left out of a list error=\"{}\"",
                        std::string(entry.status().message()));
          return true;
        }
        if (deleted.Covers(key, entry->job_id)) return true;
        auto record_bytes = store.Get(Table::kJobs, EncodeId(entry->job_id), snapshot.get());
        if (!record_bytes.ok()) {
          status = record_bytes.status();
          return false;
        }
        if (!record_bytes->has_value()) {
          spdlog::error("job left out of a list, it has no record job_id={}", entry->job_id);
          return true;
        }
        bytes += (*record_bytes)->size();
        if (bytes > max_bytes) {
          status = absl::ResourceExhaustedError(
              fmt::format("the list is larger than {} bytes", max_bytes));
          return false;
        }
        auto record = DecodeJob(**record_bytes);
        if (record.ok()) {
          jobs.Add(*std::move(record));
        } else {
          spdlog::error("job left out of a list job_id={} error=\"{}\"", entry->job_id,
                        std::string(record.status().message()));
        }
        return true;
      },
      snapshot.get()));
  RETURN_IF_ERROR(status);
  return jobs;
}

}  // namespace belfry
