#include "scheduler/store/turn_batch.h"

#include <utility>

#include "scheduler/base/status_macros.h"
#include "scheduler/store/quarantine.h"

namespace belfry {

absl::StatusOr<std::optional<NameEntry>> TurnBatch::GetName(const std::string& job_key) const {
  if (const auto it = names_.find(job_key); it != names_.end()) return it->second;
  ASSIGN_OR_RETURN(const auto bytes, store_->Get(Table::kNames, job_key));
  if (!bytes.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(auto entry, DecodeName(*bytes));
  return entry;
}

absl::StatusOr<std::optional<Counter>> TurnBatch::GetCounter(uint64_t job_id) const {
  if (const auto it = counters_.find(job_id); it != counters_.end()) return it->second;
  ASSIGN_OR_RETURN(const auto bytes, store_->Get(Table::kCounters, EncodeId(job_id)));
  if (!bytes.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(auto counter, DecodeCounter(*bytes));
  return counter;
}

void TurnBatch::PutName(const std::string& job_key, const NameEntry& entry) {
  batch_.Put(Table::kNames, job_key, EncodeName(entry));
  names_[job_key] = entry;
}

void TurnBatch::DeleteName(const std::string& job_key) {
  batch_.Delete(Table::kNames, job_key);
  names_[job_key] = std::nullopt;
}

void TurnBatch::PutJob(uint64_t job_id, std::string record) {
  batch_.Put(Table::kJobs, EncodeId(job_id), std::move(record));
}

void TurnBatch::DeleteJob(uint64_t job_id) { batch_.Delete(Table::kJobs, EncodeId(job_id)); }

void TurnBatch::PutCounter(uint64_t job_id, const Counter& counter) {
  batch_.Put(Table::kCounters, EncodeId(job_id), EncodeCounter(counter));
  counters_[job_id] = counter;
}

void TurnBatch::DeleteCounter(uint64_t job_id) {
  batch_.Delete(Table::kCounters, EncodeId(job_id));
  counters_[job_id] = std::nullopt;
}

void TurnBatch::PutDue(uint32_t group_id, Position position) {
  batch_.Put(Table::kDue, EncodeDue(group_id, position), {});
}

void TurnBatch::DeleteDue(uint32_t group_id, Position position) {
  batch_.Delete(Table::kDue, EncodeDue(group_id, position));
}

void TurnBatch::PutGroup(const std::string& group_key, uint32_t group_id, absl::Time mark) {
  storage::v1::GroupRecord record;
  record.set_group_id(group_id);
  EncodeInstant(mark, record.mutable_mark());
  batch_.Put(Table::kGroups, group_key, record.SerializeAsString());
}

void TurnBatch::DeleteGroup(const std::string& group_key) {
  batch_.Delete(Table::kGroups, group_key);
}

void TurnBatch::PutIdReserve(uint64_t next_job_id, uint32_t next_group_id) {
  storage::v1::IdReserveRecord record;
  record.set_next_job_id(next_job_id);
  record.set_next_group_id(next_group_id);
  batch_.Put(Table::kMeta, kIdsKey, record.SerializeAsString());
}

void TurnBatch::PutFormat(uint32_t version) {
  storage::v1::FormatRecord record;
  record.set_version(version);
  batch_.Put(Table::kMeta, kFormatKey, record.SerializeAsString());
}

void TurnBatch::PutPrefixDelete(const std::string& prefix, uint64_t ceiling) {
  storage::v1::PrefixDeleteRecord record;
  record.set_ceiling(ceiling);
  batch_.Put(Table::kPrefixDeletes, prefix, record.SerializeAsString());
}

void TurnBatch::DeletePrefixDelete(const std::string& prefix) {
  batch_.Delete(Table::kPrefixDeletes, prefix);
}

void TurnBatch::PutQuarantine(Table table, std::string_view key, std::string bytes,
                              std::string_view reason, absl::Time now) {
  storage::v1::QuarantineNote note;
  note.set_reason(std::string(reason));
  EncodeInstant(now, note.mutable_time());
  const std::string quarantine_key = QuarantineKey(table, key);
  batch_.Put(Table::kQuarantine, QuarantineNoteKey(quarantine_key), note.SerializeAsString());
  batch_.Put(Table::kQuarantine, quarantine_key, std::move(bytes));
}

void TurnBatch::Clear() {
  batch_.Clear();
  names_.clear();
  counters_.clear();
}

}  // namespace belfry
