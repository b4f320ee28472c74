#include "storage/memory_store.h"

#include <algorithm>
#include <utility>

#include "scheduler/base/check.h"
#include "scheduler/base/status_macros.h"

namespace belfry {
namespace {

// Rows that Scan copies out at a time, so that the visitor runs without the lock.
constexpr size_t kScanChunk = 64;

}  // namespace

// Keeps the versions at one sequence from being pruned.
class MemoryStore::Pin : public Snapshot {
 public:
  // REQUIRES: the store's mutex is held.
  Pin(const MemoryStore* store, uint64_t sequence) : store_(store), sequence_(sequence) {}
  ~Pin() override {
    MutexLock lock(&store_->mutex_);
    store_->pinned_.erase(store_->pinned_.find(sequence_));
  }
  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  uint64_t sequence() const { return sequence_; }

 private:
  const MemoryStore* const store_;
  const uint64_t sequence_;
};

MemoryStore::~MemoryStore() {
  MutexLock lock(&mutex_);
  CHECK(pinned_.empty()) << "a snapshot outlives its store";
}

absl::Status MemoryStore::Fault::NextCall() {
  if (status.ok()) return absl::OkStatus();
  if (calls_before > 0) {
    --calls_before;
    return absl::OkStatus();
  }
  return status;
}

const std::string* MemoryStore::ValueAt(const Versions& versions, uint64_t sequence) {
  const auto newer = std::upper_bound(
      versions.begin(), versions.end(), sequence,
      [](uint64_t wanted, const Version& version) { return wanted < version.sequence; });
  if (newer == versions.begin()) return nullptr;
  const Version& version = *std::prev(newer);
  return version.value.has_value() ? &*version.value : nullptr;
}

const MemoryStore::Rows& MemoryStore::rows(Table table) const {
  return tables_[static_cast<size_t>(table)];
}

MemoryStore::Rows& MemoryStore::rows(Table table) { return tables_[static_cast<size_t>(table)]; }

uint64_t MemoryStore::SequenceOf(const Snapshot* snapshot) const {
  return snapshot == nullptr ? written_ : static_cast<const Pin*>(snapshot)->sequence();
}

absl::Status MemoryStore::Write(const Batch& batch) {
  MutexLock lock(&mutex_);
  RETURN_IF_ERROR(write_fault_.NextCall());
  ++written_;
  for (const Batch::Op& op : batch.ops()) Apply(op);
  Prune();
  return absl::OkStatus();
}

void MemoryStore::Apply(const Batch::Op& op) {
  Versions& versions = rows(op.table)[op.key];
  if (versions.empty() || versions.back().sequence != written_) {
    versions.push_back({written_, std::nullopt});
    changes_.push_back({written_, op.table, op.key});
  }
  versions.back().value = op.is_delete ? std::nullopt : std::optional<std::string>(op.value);
}

absl::Status MemoryStore::Sync() {
  MutexLock lock(&mutex_);
  RETURN_IF_ERROR(sync_fault_.NextCall());
  durable_ = written_;
  Prune();
  return absl::OkStatus();
}

void MemoryStore::Prune() {
  const uint64_t oldest_read = pinned_.empty() ? written_ : *pinned_.begin();
  const uint64_t floor = std::min(durable_, oldest_read);
  while (!changes_.empty() && changes_.front().sequence <= floor) {
    Rows& table_rows = rows(changes_.front().table);
    const auto row = table_rows.find(changes_.front().key);
    changes_.pop_front();
    if (row == table_rows.end()) continue;
    Versions& versions = row->second;
    while (versions.size() > 1 && versions[1].sequence <= floor) versions.erase(versions.begin());
    const bool is_deleted = versions.front().sequence <= floor && !versions.front().value;
    if (is_deleted) versions.erase(versions.begin());
    if (versions.empty()) table_rows.erase(row);
  }
}

absl::StatusOr<std::optional<std::string>> MemoryStore::Get(Table table, std::string_view key,
                                                            const Snapshot* snapshot) const {
  MutexLock lock(&mutex_);
  RETURN_IF_ERROR(read_fault_.NextCall());
  const Rows& table_rows = rows(table);
  const auto row = table_rows.find(key);
  if (row == table_rows.end()) return std::optional<std::string>();
  const std::string* value = ValueAt(row->second, SequenceOf(snapshot));
  return value == nullptr ? std::optional<std::string>() : std::optional<std::string>(*value);
}

absl::Status MemoryStore::Scan(const KeyRange& range, const Visitor& visitor,
                               const Snapshot* snapshot) const {
  {
    MutexLock lock(&mutex_);
    RETURN_IF_ERROR(read_fault_.NextCall());
  }
  std::unique_ptr<Snapshot> own_snapshot;
  if (snapshot == nullptr) {
    own_snapshot = TakeSnapshot();
    snapshot = own_snapshot.get();
  }
  std::string position = range.begin;
  for (;;) {
    std::vector<std::pair<std::string, std::string>> chunk;
    {
      MutexLock lock(&mutex_);
      const Rows& table_rows = rows(range.table);
      const uint64_t sequence = SequenceOf(snapshot);
      for (auto row = table_rows.lower_bound(position);
           row != table_rows.end() && chunk.size() < kScanChunk; ++row) {
        if (!range.end.empty() && row->first >= range.end) break;
        const std::string* value = ValueAt(row->second, sequence);
        if (value != nullptr) chunk.emplace_back(row->first, *value);
      }
    }
    for (const auto& [key, value] : chunk) {
      if (!visitor(key, value)) return absl::OkStatus();
    }
    if (chunk.size() < kScanChunk) return absl::OkStatus();
    // The next possible key after the last one.
    position = chunk.back().first + '\0';
  }
}

std::unique_ptr<Snapshot> MemoryStore::TakeSnapshot() const {
  MutexLock lock(&mutex_);
  pinned_.insert(written_);
  return std::make_unique<Pin>(this, written_);
}

WritePressure MemoryStore::write_pressure() const {
  MutexLock lock(&mutex_);
  return write_pressure_;
}

absl::Status MemoryStore::AdmitNewJobs(size_t bytes) {
  MutexLock lock(&mutex_);
  return bytes > admitted_bytes_ ? admission_ : absl::OkStatus();
}

void MemoryStore::RefuseNewJobs(absl::Status status, size_t bytes) {
  MutexLock lock(&mutex_);
  admission_ = std::move(status);
  admitted_bytes_ = bytes;
}

void MemoryStore::LosePower() {
  MutexLock lock(&mutex_);
  CHECK(pinned_.empty()) << "power is lost while a snapshot is held";
  while (!changes_.empty() && changes_.back().sequence > durable_) {
    Rows& table_rows = rows(changes_.back().table);
    const auto row = table_rows.find(changes_.back().key);
    CHECK(row != table_rows.end() && !row->second.empty()) << "change without a version";
    row->second.pop_back();
    if (row->second.empty()) table_rows.erase(row);
    changes_.pop_back();
  }
  written_ = durable_;
}

void MemoryStore::FailWrites(absl::Status status, int calls_before) {
  MutexLock lock(&mutex_);
  write_fault_ = {std::move(status), calls_before};
}

void MemoryStore::FailSyncs(absl::Status status, int calls_before) {
  MutexLock lock(&mutex_);
  sync_fault_ = {std::move(status), calls_before};
}

void MemoryStore::FailReads(absl::Status status, int calls_before) {
  MutexLock lock(&mutex_);
  read_fault_ = {std::move(status), calls_before};
}

void MemoryStore::set_write_pressure(WritePressure pressure) {
  MutexLock lock(&mutex_);
  write_pressure_ = pressure;
}

}  // namespace belfry
