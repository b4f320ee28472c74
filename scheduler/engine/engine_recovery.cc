// The engine's start: what it reads of the store, and how it goes on without what cannot be read.

#include <set>
#include <utility>

#include "scheduler/base/status_macros.h"
#include "scheduler/engine/engine_state.h"
#include "scheduler/store/format.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace belfry {
namespace {

// Index entries of one group that are looked at for a job that says which group it is.
constexpr int kMaxOwnerLooks = 1000;

template <typename Record>
absl::StatusOr<std::optional<Record>> ReadMeta(const Store& store, const char* key) {
  ASSIGN_OR_RETURN(const auto bytes, store.Get(Table::kMeta, key));
  if (!bytes.has_value()) return std::nullopt;
  Record record;
  if (!record.ParseFromString(*bytes)) {
    return absl::DataLossError(fmt::format(
        "meta record \"{}\" does not parse: restore the data directory from a backup", key));
  }
  return record;
}

// The first entry of the index from a key on: its group, and its place there.
struct FirstEntry {
  uint32_t group_id = 0;
  Position position;
};

absl::StatusOr<std::optional<FirstEntry>> FirstEntryFrom(const Store& store,
                                                         const std::string& from) {
  std::optional<FirstEntry> first;
  RETURN_IF_ERROR(store.Scan({Table::kDue, from, ""}, [&](auto key, auto) {
    const auto group_id = DecodeDueGroup(key);
    const auto position = DecodeDue(key);
    if (!group_id.has_value() || !position.has_value()) return true;
    first = FirstEntry{*group_id, *position};
    return false;
  }));
  return first;
}

// The key of the group that index entries with this number belong to, as one of their jobs tells;
// nullopt if none can be read.
absl::StatusOr<std::optional<std::string>> OwnerOf(const Store& store, uint32_t group_id) {
  std::optional<std::string> owner;
  int looks = 0;
  absl::Status status;
  const std::string prefix = EncodeDuePrefix(group_id);
  RETURN_IF_ERROR(store.Scan({Table::kDue, prefix, PrefixEnd(prefix)}, [&](auto key, auto) {
    const auto position = DecodeDue(key);
    if (!position.has_value()) return ++looks < kMaxOwnerLooks;
    const auto bytes = store.Get(Table::kJobs, EncodeId(position->id));
    if (!bytes.ok()) {
      status = bytes.status();
      return false;
    }
    const auto record = DecodeJob(bytes->value_or(""));
    if (!record.ok()) return ++looks < kMaxOwnerLooks;
    owner = EncodeGroupKey(JobKeyOf(record->metadata(), record->name()).target,
                           record->metadata().concurrency_key());
    return false;
  }));
  RETURN_IF_ERROR(status);
  return owner;
}

}  // namespace

absl::Status Engine::Recover(absl::Time now) {
  last_now_ = now;
  RETURN_IF_ERROR(RecoverFormat());
  RETURN_IF_ERROR(RecoverIds());
  RETURN_IF_ERROR(RecoverGroups());
  RETURN_IF_ERROR(job_counts_.Recover(*store_));
  return RecoverPrefixDeletes();
}

absl::Status Engine::RecoverFormat() {
  ASSIGN_OR_RETURN(const auto format, ReadMeta<storage::v1::FormatRecord>(*store_, kFormatKey));
  if (!format.has_value()) {
    batch_.PutFormat(kFormatVersion);
    return absl::OkStatus();
  }
  if (format->version() > kFormatVersion) {
    return absl::FailedPreconditionError(
        fmt::format("the store has format {}, newer than this program's {}: use a newer program",
                    format->version(), kFormatVersion));
  }
  if (format->version() < kOldestFormatVersion) {
    return absl::DataLossError(
        "the store's format record is empty: restore the data directory from a backup");
  }
  if (format->version() < kFormatVersion) batch_.PutFormat(kFormatVersion);
  return absl::OkStatus();
}

absl::Status Engine::RecoverIds() {
  ASSIGN_OR_RETURN(const auto ids, ReadMeta<storage::v1::IdReserveRecord>(*store_, kIdsKey));
  if (!ids.has_value()) return absl::OkStatus();
  // What was reserved may have been used.
  next_job_id_ = reserved_job_id_ = ids->next_job_id();
  next_group_id_ = reserved_group_id_ = ids->next_group_id();
  return absl::OkStatus();
}

absl::Status Engine::RecoverGroups() {
  std::vector<std::string> unreadable;
  RETURN_IF_ERROR(store_->Scan({Table::kGroups, "", ""}, [&](auto key, auto value) {
    storage::v1::GroupRecord record;
    auto parts = ParseGroupKey(key);
    if (!parts.has_value() ||
        !record.ParseFromArray(value.data(), static_cast<int>(value.size())) ||
        record.group_id() == 0 || record.group_id() >= reserved_group_id_ ||
        groups_.contains(record.group_id())) {
      unreadable.emplace_back(key);
      SetAside(Table::kGroups, key, std::string(value), "group record does not parse");
      return true;
    }
    RecoverGroup(std::string(key), *std::move(parts), record.group_id(),
                 DecodeInstant(record.mark()));
    return true;
  }));
  for (const std::string& key : unreadable) batch_.DeleteGroup(key);
  return unreadable.empty() ? absl::OkStatus() : RebuildGroups(unreadable);
}

void Engine::RecoverGroup(std::string key, GroupKeyParts parts, uint32_t id, absl::Time mark) {
  Group& group =
      AddGroup(EnsureTarget(parts.target), std::move(key), std::move(parts.concurrency_key), id);
  group.mark = mark;
  offline_.Remove(group.id);
  offline_.Add(group.id, group.mark);
}

absl::Status Engine::RebuildGroups(const std::vector<std::string>& keys) {
  const std::set<std::string> wanted(keys.begin(), keys.end());
  std::string from;
  for (;;) {
    ASSIGN_OR_RETURN(const auto first, FirstEntryFrom(*store_, from));
    if (!first.has_value()) return absl::OkStatus();
    from = PrefixEnd(EncodeDuePrefix(first->group_id));
    // Behind the last number there is nothing.
    const bool is_last = from.empty();
    if (!groups_.contains(first->group_id) && first->group_id != 0 &&
        first->group_id < reserved_group_id_) {
      ASSIGN_OR_RETURN(auto owner, OwnerOf(*store_, first->group_id));
      auto parts = owner.has_value() ? ParseGroupKey(*owner) : std::nullopt;
      if (parts.has_value() && wanted.contains(*owner) && FindGroup(*owner) == nullptr) {
        spdlog::warn("group record rebuilt from the index group={}", first->group_id);
        batch_.PutGroup(*owner, first->group_id, first->position.time);
        RecoverGroup(*std::move(owner), *std::move(parts), first->group_id, first->position.time);
      }
    }
    if (is_last) return absl::OkStatus();
  }
}

absl::Status Engine::RecoverPrefixDeletes() {
  std::vector<UnreadablePrefixDelete> unreadable;
  ASSIGN_OR_RETURN(prefix_deletes_, ReadPrefixDeletes(*store_, nullptr, &unreadable));
  for (UnreadablePrefixDelete& record : unreadable) {
    // Which jobs were to go is not known any more: those that are left stay.
    SetAside(Table::kPrefixDeletes, record.prefix, std::move(record.bytes),
             "prefix delete record does not parse, jobs that it had deleted may be there again");
    batch_.DeletePrefixDelete(record.prefix);
  }
  for (const auto& [prefix, ceiling] : prefix_deletes_.all()) {
    effects_.purges.push_back({prefix, ceiling, prefix});
  }
  return absl::OkStatus();
}

}  // namespace belfry
