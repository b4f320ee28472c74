#include "tests/sim/store_check.h"

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace belfry::sim {
namespace {

using storage::v1::Instant;

absl::Time TimeOf(const Instant& instant) {
  return absl::FromUnixSeconds(instant.seconds()) + absl::Nanoseconds(instant.nanos());
}

uint64_t Number(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string Part(std::string_view text) { return std::string(text) + std::string("\0\1", 2); }

// Names of the run hold no byte that would have to be escaped.
std::string GroupKeyBytes(int group, const std::string& concurrency_key = "") {
  const TargetKey key = GroupOf(group);
  return (group == kActorGroup ? "r" : "a") + Part(key.ns) + Part(key.name) +
         (concurrency_key.empty() ? "" : Part(concurrency_key));
}

std::string JobKeyBytes(const Name& name) {
  return GroupKeyBytes(name.group) + (name.group == kActorGroup ? Part(name.actor) : "") +
         Part(name.name);
}

using Rows = std::map<std::string, std::string>;

// One pass over the store; every finding goes to the journal.
class Check {
 public:
  Check(const Store& store, const State& state, Journal* journal)
      : store_(store), state_(state), journal_(journal) {}

  void Run() {
    const Rows names = Read(Table::kNames);
    jobs_ = Read(Table::kJobs);
    counters_ = Read(Table::kCounters);
    ReadIndex();
    ReadGroups();
    for (const auto& [name, job] : state_.live) {
      const auto row = names.find(JobKeyBytes(name));
      if (row == names.end()) {
        journal_->Fail("store: {} has no name", name.ToString());
        continue;
      }
      CheckJob(name, job, row->second);
    }
    Expect("names", names.size(), state_.live.size());
    Expect("jobs", jobs_.size(), state_.live.size());
    Expect("index entries", due_.size(), state_.live.size());
    Expect("prefix deletes", Read(Table::kPrefixDeletes).size(), 0);
    Expect("quarantined records", Read(Table::kQuarantine).size(), 0);
    for (const auto& [id, bytes] : counters_) {
      if (!ids_.contains(Number(id))) journal_->Fail("store: counter {} of no job", Number(id));
    }
  }

 private:
  Rows Read(Table table) {
    Rows rows;
    const absl::Status status = store_.Scan({table, "", ""}, [&](auto key, auto value) {
      rows.emplace(key, value);
      return true;
    });
    if (!status.ok()) journal_->Fail("store: scan failed: {}", status.ToString());
    return rows;
  }

  void Expect(std::string_view what, size_t found, size_t expected) {
    if (found != expected) journal_->Fail("store: {} {}, expected {}", found, what, expected);
  }

  // job id -> group number on disk and position
  void ReadIndex() {
    for (const auto& [key, value] : Read(Table::kDue)) {
      const std::string_view bytes = key;
      if (bytes.size() != 24) return journal_->Fail("store: index key of {} bytes", bytes.size());
      const auto seconds = static_cast<int64_t>(Number(bytes.substr(4, 8)) - (uint64_t{1} << 63));
      const auto nanos = static_cast<int64_t>(Number(bytes.substr(12, 4)));
      due_[Number(bytes.substr(16))] = {Number(bytes.substr(0, 4)),
                                        absl::FromUnixSeconds(seconds) + absl::Nanoseconds(nanos)};
    }
  }

  void ReadGroups() {
    for (const auto& [key, value] : Read(Table::kGroups)) {
      storage::v1::GroupRecord record;
      if (!record.ParseFromString(value)) journal_->Fail("store: a group does not parse");
      groups_[key] = record;
    }
  }

  void CheckJob(const Name& name, const LiveJob& job, const std::string& name_bytes) {
    const std::string what = fmt::format("store: {} revision {}", name.ToString(), job.revision);
    storage::v1::NameRecord record;
    if (!record.ParseFromString(name_bytes)) journal_->Fail("{}: name does not parse", what);
    const uint64_t id = record.job_id();
    ids_.insert(id);
    std::string id_bytes(8, '\0');
    for (int i = 0; i < 8; ++i)
      id_bytes[static_cast<size_t>(i)] = static_cast<char>(id >> (56 - 8 * i));

    storage::v1::JobRecord stored;
    const auto row = jobs_.find(id_bytes);
    if (row == jobs_.end() || !stored.ParseFromString(row->second)) {
      return journal_->Fail("{}: no job record {}", what, id);
    }
    if (RevisionOf(stored.job().data()) != job.revision) {
      return journal_->Fail("{}: holds revision {}", what, RevisionOf(stored.job().data()));
    }
    CheckCounter(what, job, id_bytes, record);
    CheckPlace(what, name, job, record);
  }

  void CheckCounter(const std::string& what, const LiveJob& job, const std::string& id_bytes,
                    const storage::v1::NameRecord& name) {
    const bool expected = job.settled > 0 || job.attempts > 0;
    const auto row = counters_.find(id_bytes);
    if ((row != counters_.end()) != expected) {
      return journal_->Fail("{}: counter {}", what, expected ? "is missing" : "of a new job");
    }
    if (!expected) {
      if (TimeOf(name.first_due()) != job.due) journal_->Fail("{}: wrong first tick", what);
      return;
    }
    storage::v1::CounterRecord counter;
    if (!counter.ParseFromString(row->second)) journal_->Fail("{}: counter does not parse", what);
    if (counter.count() != job.settled || counter.attempts() != job.attempts ||
        TimeOf(counter.tick()) != job.tick) {
      journal_->Fail("{}: counts {} ticks and {} tries, expected {} and {}", what, counter.count(),
                     counter.attempts(), job.settled, job.attempts);
    }
  }

  void CheckPlace(const std::string& what, const Name& name, const LiveJob& job,
                  const storage::v1::NameRecord& record) {
    const std::string& key = job.plan->concurrency_key;
    const auto group = groups_.find(GroupKeyBytes(name.group, key));
    if (group == groups_.end()) return journal_->Fail("{}: no group", what);
    if (record.group_id() != (key.empty() ? 0 : group->second.group_id())) {
      return journal_->Fail("{}: its name tells of group {}", what, record.group_id());
    }
    const auto entry = due_.find(record.job_id());
    if (entry == due_.end()) return journal_->Fail("{}: no index entry", what);
    if (entry->second.first != group->second.group_id() || entry->second.second != job.due) {
      return journal_->Fail("{}: stands elsewhere in the index", what);
    }
    if (TimeOf(group->second.mark()) > job.due) journal_->Fail("{}: lies before the mark", what);
  }

  const Store& store_;
  const State& state_;
  Journal* const journal_;
  Rows jobs_;
  Rows counters_;
  std::map<uint64_t, std::pair<uint64_t, absl::Time>> due_;
  std::map<std::string, storage::v1::GroupRecord> groups_;
  std::set<uint64_t> ids_;
};

}  // namespace

void CheckStore(const Store& store, const State& state, Journal* journal) {
  Check(store, state, journal).Run();
}

}  // namespace belfry::sim
