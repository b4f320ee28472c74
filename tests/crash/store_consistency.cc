#include "tests/crash/store_consistency.h"

#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "scheduler/job/key_codec.h"
#include "scheduler/store/record_codec.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

using Rows = std::map<std::string, std::string>;

// One pass over the store.
class Reader {
 public:
  explicit Reader(const Store& store) : store_(store) {}

  StoreContents Read() {
    jobs_ = ReadTable(Table::kJobs);
    counters_ = ReadTable(Table::kCounters);
    ReadIndex();
    const Rows names = ReadTable(Table::kNames);
    for (const auto& [key, value] : names) ReadJob(value);
    Expect("jobs", jobs_.size(), names.size());
    Expect("index entries", due_.size(), names.size());
    Expect("prefix deletes", ReadTable(Table::kPrefixDeletes).size(), 0);
    Expect("quarantined records", ReadTable(Table::kQuarantine).size(), 0);
    for (const auto& [key, value] : counters_) {
      if (!jobs_.contains(key)) Find("a counter of no job");
    }
    return std::move(contents_);
  }

 private:
  void Find(std::string what) { contents_.findings.push_back(std::move(what)); }

  void Expect(std::string_view what, size_t found, size_t expected) {
    if (found != expected) Find(fmt::format("{} {}, expected {}", found, what, expected));
  }

  Rows ReadTable(Table table) {
    Rows rows;
    const absl::Status status = store_.Scan({table, "", ""}, [&](auto key, auto value) {
      rows.emplace(key, value);
      return true;
    });
    if (!status.ok()) Find(fmt::format("{}: {}", TableName(table), status.ToString()));
    return rows;
  }

  void ReadIndex() {
    for (const auto& [key, value] : ReadTable(Table::kDue)) {
      const std::optional<Position> position = DecodeDue(key);
      if (!position.has_value()) {
        Find("an index key that does not decode");
      } else if (!due_.emplace(position->id, position->time).second) {
        Find(fmt::format("two index entries of job {}", position->id));
      }
    }
  }

  // The job that a name means.
  void ReadJob(const std::string& name_bytes) {
    const auto name = DecodeName(name_bytes);
    if (!name.ok()) return Find("a name that does not parse");
    const std::string id = EncodeId(name->job_id);
    const auto row = jobs_.find(id);
    if (row == jobs_.end()) return Find(fmt::format("job {} has no record", name->job_id));
    const auto record = DecodeJob(row->second);
    if (!record.ok()) return Find(fmt::format("job {} does not parse", name->job_id));
    StoredJob& job = contents_.jobs[record->name()];
    job.payload = record->job().data().value();
    absl::Time due = name->first_due;
    if (const auto counter_row = counters_.find(id); counter_row != counters_.end()) {
      const auto counter = DecodeCounter(counter_row->second);
      if (!counter.ok()) return Find(fmt::format("counter {} does not parse", name->job_id));
      job.settled = counter->progress.count;
      due = counter->due;
    }
    const auto entry = due_.find(name->job_id);
    if (entry == due_.end()) return Find(fmt::format("{} has no index entry", record->name()));
    if (entry->second != due) Find(fmt::format("{} stands elsewhere in the index", record->name()));
  }

  const Store& store_;
  StoreContents contents_;
  Rows jobs_;
  Rows counters_;
  std::map<uint64_t, absl::Time> due_;
};

}  // namespace

StoreContents ReadContents(const Store& store) { return Reader(store).Read(); }

}  // namespace belfry
