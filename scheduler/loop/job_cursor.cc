#include "scheduler/loop/job_cursor.h"

#include <utility>

#include "scheduler/base/limits.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/job/job_key.h"
#include "scheduler/job/key_codec.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

std::string NameOf(std::string_view job_key) {
  const auto key = DecodeJobKey(job_key);
  return key.has_value() ? DisplayName(*key) : fmt::format("a key of {} bytes", job_key.size());
}

}  // namespace

absl::StatusOr<JobCursor> JobCursor::Open(const Store* store, std::vector<std::string> prefixes) {
  JobCursor cursor(store, std::move(prefixes));
  // Of the same instant as the names: a purge that ends meanwhile must not show half a prefix.
  ASSIGN_OR_RETURN(cursor.deleted_, ReadPrefixDeletes(*store, cursor.snapshot_.get()));
  return cursor;
}

JobCursor::JobCursor(const Store* store, std::vector<std::string> prefixes)
    : store_(store), prefixes_(std::move(prefixes)), snapshot_(store->TakeSnapshot()) {
  if (!prefixes_.empty()) from_ = prefixes_.front();
}

absl::StatusOr<JobCursor::Chunk> JobCursor::Next() {
  Chunk chunk;
  if (done()) return chunk;
  size_t bytes = 0;
  bool at_end = true;
  absl::Status status;
  const std::string& prefix = prefixes_[prefix_];
  RETURN_IF_ERROR(store_->Scan(
      {Table::kNames, from_, PrefixEnd(prefix)},
      [&](std::string_view key, std::string_view value) {
        const size_t count = chunk.jobs.size() + chunk.unreadable.size();
        if (count >= kCursorJobs || bytes >= kCursorBytes) {
          from_ = std::string(key);
          at_end = false;
          return false;
        }
        status = Read(key, value, &chunk, &bytes);
        return status.ok();
      },
      snapshot_.get()));
  RETURN_IF_ERROR(status);
  if (!at_end) return chunk;
  ++prefix_;
  from_ = done() ? "" : prefixes_[prefix_];
  return chunk;
}

absl::Status JobCursor::Read(std::string_view job_key, std::string_view name_bytes, Chunk* chunk,
                             size_t* bytes) const {
  const auto name = DecodeName(name_bytes);
  const auto unreadable = [&](uint64_t job_id, const absl::Status& why) {
    chunk->unreadable.push_back({NameOf(job_key), job_id, std::string(why.message())});
    return absl::OkStatus();
  };
  if (!name.ok()) return unreadable(0, name.status());
  if (deleted_.Covers(job_key, name->job_id)) return absl::OkStatus();
  const std::string id = EncodeId(name->job_id);
  ASSIGN_OR_RETURN(const auto record_bytes, store_->Get(Table::kJobs, id, snapshot_.get()));
  if (!record_bytes.has_value()) {
    return unreadable(name->job_id, absl::DataLossError("the job has no record"));
  }
  *bytes += record_bytes->size();
  auto record = DecodeJob(*record_bytes);
  if (!record.ok()) return unreadable(name->job_id, record.status());
  StoredJob job{*std::move(record), {name->first_due, std::nullopt}};
  ASSIGN_OR_RETURN(const auto counter_bytes, store_->Get(Table::kCounters, id, snapshot_.get()));
  if (counter_bytes.has_value()) {
    auto counter = DecodeCounter(*counter_bytes);
    if (!counter.ok()) return unreadable(name->job_id, counter.status());
    job.progress.counter = *counter;
  }
  chunk->jobs.push_back(std::move(job));
  return absl::OkStatus();
}

}  // namespace belfry
