#include "scheduler/loop/store_check.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "belfry/storage/v1/records.pb.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/engine/prefix_deletes.h"
#include "scheduler/job/job_key.h"
#include "scheduler/job/key_codec.h"
#include "scheduler/store/format.h"
#include "scheduler/store/quarantine.h"
#include "scheduler/store/record_codec.h"
#include "scheduler/store/turn_batch.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

template <typename Record>
absl::StatusOr<Record> ReadMeta(const Store& store, const char* key) {
  ASSIGN_OR_RETURN(const auto bytes, store.Get(Table::kMeta, key));
  Record record;
  if (!bytes.has_value() || !record.ParseFromString(*bytes)) {
    return absl::DataLossError(fmt::format("meta record \"{}\" is missing or damaged", key));
  }
  return record;
}

std::string Text(const absl::Status& status) { return std::string(status.message()); }

// One run. Every method returns an error only if the store could not be read.
class Check {
 public:
  Check(const Store& store, const std::function<bool()>& is_cancelled)
      : store_(store), is_cancelled_(is_cancelled) {}

  absl::Status ReadFormat();
  absl::Status Count();
  absl::Status ReadSetAside();
  absl::Status CompareTables();
  StoreReport Take() { return std::move(report_); }

 private:
  absl::Status ReadIds();
  absl::Status ReadGroups();
  absl::Status CheckName(std::string_view job_key, std::string_view name_bytes);
  // The job's record; says what is wrong with it.
  absl::Status CheckRecord(std::string_view job_key, const NameEntry& name);
  absl::Status CheckPlace(std::string_view job_key, const NameEntry& name);
  // The group that the job's index entry belongs to; nullopt if there is none.
  std::optional<uint32_t> GroupOf(std::string_view job_key, const NameEntry& name) const;
  bool IsSetAside(uint64_t job_id) const {
    const std::string id = EncodeId(job_id);
    return set_aside_.contains(QuarantineKey(Table::kJobs, id)) ||
           set_aside_.contains(QuarantineKey(Table::kCounters, id));
  }
  void Problem(std::string_view job_key, const NameEntry& name, std::string_view what);
  void Problem(std::string what);
  absl::Status Scan(Table table, const Store::Visitor& visitor) const;

  const Store& store_;
  const std::function<bool()>& is_cancelled_;
  StoreReport report_;
  uint64_t next_job_id_ = 0;
  uint64_t records_found_ = 0;
  PrefixDeletes deleted_;
  absl::flat_hash_map<std::string, uint32_t> groups_;  // by key
  absl::flat_hash_set<uint32_t> group_ids_;
  absl::flat_hash_set<std::string> set_aside_;  // keys of the quarantine
};

absl::Status Check::Scan(Table table, const Store::Visitor& visitor) const {
  bool cancelled = false;
  RETURN_IF_ERROR(store_.Scan({table, "", ""}, [&](auto key, auto value) {
    cancelled = is_cancelled_();
    return !cancelled && visitor(key, value);
  }));
  return cancelled ? absl::CancelledError("the check was given up") : absl::OkStatus();
}

void Check::Problem(std::string what) {
  ++report_.problem_count;
  if (report_.problems.size() < kMaxReportedProblems) report_.problems.push_back(std::move(what));
}

void Check::Problem(std::string_view job_key, const NameEntry& name, std::string_view what) {
  const auto key = DecodeJobKey(job_key);
  Problem(fmt::format("job {} (id {}): {}", key.has_value() ? DisplayName(*key) : "?", name.job_id,
                      what));
}

absl::Status Check::ReadFormat() {
  ASSIGN_OR_RETURN(const auto bytes, store_.Get(Table::kMeta, kFormatKey));
  if (!bytes.has_value()) return absl::OkStatus();  // not fine if there are jobs, see Count
  ASSIGN_OR_RETURN(const auto format, ReadMeta<storage::v1::FormatRecord>(store_, kFormatKey));
  report_.format = format.version();
  if (format.version() > kFormatVersion) {
    return absl::FailedPreconditionError(
        fmt::format("the store has format {}, newer than this program's {}: use a newer program",
                    format.version(), kFormatVersion));
  }
  if (format.version() < kOldestFormatVersion) {
    return absl::DataLossError("the store's format record is empty");
  }
  return absl::OkStatus();
}

absl::Status Check::Count() {
  for (int i = 0; i < kTableCount; ++i) {
    uint64_t& rows = report_.rows[static_cast<size_t>(i)];
    RETURN_IF_ERROR(Scan(static_cast<Table>(i), [&rows](auto, auto) {
      ++rows;
      return true;
    }));
  }
  const bool is_new = report_.rows_of(Table::kMeta) == 0 && report_.rows_of(Table::kNames) == 0;
  if (report_.format != 0 || is_new) return absl::OkStatus();
  return absl::DataLossError(fmt::format("meta record \"{}\" is missing", kFormatKey));
}

absl::Status Check::CompareTables() {
  std::vector<UnreadablePrefixDelete> unreadable;
  ASSIGN_OR_RETURN(deleted_, ReadPrefixDeletes(store_, nullptr, &unreadable));
  for (const UnreadablePrefixDelete& record : unreadable) {
    Problem(fmt::format("a prefix delete record under a key of {} bytes does not parse",
                        record.prefix.size()));
  }
  RETURN_IF_ERROR(ReadIds());
  RETURN_IF_ERROR(ReadGroups());
  absl::Status status;
  RETURN_IF_ERROR(Scan(Table::kNames, [&](auto key, auto value) {
    status = CheckName(key, value);
    return status.ok();
  }));
  RETURN_IF_ERROR(status);
  const uint64_t records = report_.rows_of(Table::kJobs);
  report_.left_over = records - std::min(records, records_found_);
  return absl::OkStatus();
}

absl::Status Check::ReadIds() {
  ASSIGN_OR_RETURN(const auto bytes, store_.Get(Table::kMeta, kIdsKey));
  if (!bytes.has_value()) return absl::OkStatus();  // no job was ever stored
  ASSIGN_OR_RETURN(const auto ids, ReadMeta<storage::v1::IdReserveRecord>(store_, kIdsKey));
  next_job_id_ = ids.next_job_id();
  return absl::OkStatus();
}

absl::Status Check::ReadGroups() {
  return Scan(Table::kGroups, [&](auto key, auto value) {
    storage::v1::GroupRecord record;
    if (!ParseGroupKey(key).has_value() ||
        !record.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
      Problem(fmt::format("a group record under a key of {} bytes does not parse", key.size()));
      return true;
    }
    groups_[std::string(key)] = record.group_id();
    group_ids_.insert(record.group_id());
    return true;
  });
}

absl::Status Check::ReadSetAside() {
  return ReadQuarantine(store_, [&](const QuarantinedRecord& record) {
    ++report_.quarantined;
    set_aside_.insert(record.table + '\0' + record.key);
    return !is_cancelled_();
  });
}

absl::Status Check::CheckName(std::string_view job_key, std::string_view name_bytes) {
  const auto name = DecodeName(name_bytes);
  if (!name.ok()) {
    Problem(job_key, NameEntry{}, Text(name.status()));
    return absl::OkStatus();
  }
  if (name->job_id >= next_job_id_) Problem(job_key, *name, "its id may be given again");
  if (deleted_.Covers(job_key, name->job_id)) {
    ++report_.deleted;
    ASSIGN_OR_RETURN(const auto bytes, store_.Get(Table::kJobs, EncodeId(name->job_id)));
    if (bytes.has_value()) ++records_found_;
    return absl::OkStatus();
  }
  return CheckRecord(job_key, *name);
}

absl::Status Check::CheckRecord(std::string_view job_key, const NameEntry& name) {
  ASSIGN_OR_RETURN(const auto bytes, store_.Get(Table::kJobs, EncodeId(name.job_id)));
  if (bytes.has_value()) ++records_found_;
  if (IsSetAside(name.job_id)) {
    ++report_.set_aside;
    return absl::OkStatus();
  }
  if (!bytes.has_value()) {
    Problem(job_key, name, "its record is missing");
    return absl::OkStatus();
  }
  const auto record = DecodeJob(*bytes);
  const absl::Status usable = record.ok() ? RestoreSpec(*record).status() : record.status();
  if (!usable.ok()) {
    Problem(job_key, name, Text(usable));
    return absl::OkStatus();
  }
  if (EncodeJobKey(JobKeyOf(record->metadata(), record->name())) != job_key) {
    Problem(job_key, name, "its record is that of another job");
    return absl::OkStatus();
  }
  ++report_.jobs;
  return CheckPlace(job_key, name);
}

absl::Status Check::CheckPlace(std::string_view job_key, const NameEntry& name) {
  Position position{name.first_due, name.job_id};
  ASSIGN_OR_RETURN(const auto bytes, store_.Get(Table::kCounters, EncodeId(name.job_id)));
  if (bytes.has_value()) {
    const auto counter = DecodeCounter(*bytes);
    if (!counter.ok()) {
      Problem(job_key, name, Text(counter.status()));
      return absl::OkStatus();
    }
    position.time = counter->due;
  }
  const auto group_id = GroupOf(job_key, name);
  if (!group_id.has_value()) {
    Problem(job_key, name, "its group is missing: it would never fire");
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const auto entry, store_.Get(Table::kDue, EncodeDue(*group_id, position)));
  if (!entry.has_value()) Problem(job_key, name, "its index entry is missing: it would never fire");
  return absl::OkStatus();
}

std::optional<uint32_t> Check::GroupOf(std::string_view job_key, const NameEntry& name) const {
  if (name.group_id != 0) {
    return group_ids_.contains(name.group_id) ? std::optional(name.group_id) : std::nullopt;
  }
  const auto target = TargetPart(job_key);
  if (!target.has_value()) return std::nullopt;
  const auto it = groups_.find(*target);
  return it != groups_.end() ? std::optional(it->second) : std::nullopt;
}

}  // namespace

absl::StatusOr<StoreReport> CheckStore(const Store& store, CheckDepth depth,
                                       const std::function<bool()>& is_cancelled) {
  Check check(store, is_cancelled);
  RETURN_IF_ERROR(check.ReadFormat());
  RETURN_IF_ERROR(check.Count());
  RETURN_IF_ERROR(check.ReadSetAside());
  if (depth == CheckDepth::kAgree) RETURN_IF_ERROR(check.CompareTables());
  return check.Take();
}

}  // namespace belfry
