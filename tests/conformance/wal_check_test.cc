// Damage in the write-ahead log: what a power cut leaves is recovered from, what would cost synced
// changes is refused.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "storage/wal_check.h"
#include "tests/conformance/stores.h"

namespace belfry {
namespace {

namespace fs = std::filesystem;
using Value = std::optional<std::string>;

constexpr int kRows = 50;

std::string KeyOf(int number) { return std::to_string(1000 + number); }

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void WriteFile(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::vector<fs::path> Logs(const fs::path& directory) {
  std::vector<fs::path> logs;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == ".log") logs.push_back(entry.path());
  }
  std::sort(logs.begin(), logs.end());
  return logs;
}

// A closed store whose rows are all in one log.
class ClosedStore {
 public:
  explicit ClosedStore(size_t value_bytes) : value_(value_bytes, 'v') {
    auto store = RocksDbStore::Open({path()});
    RequireOk(store.status());
    for (int i = 0; i < kRows; ++i) Put(**store, Table::kJobs, KeyOf(i), value_);
    RequireOk((*store)->Sync());
    store->reset();
    REQUIRE(Logs(path()).size() == 1);
    log_ = Logs(path()).front();
    bytes_ = ReadFile(log_);
  }

  std::string path() const { return temp_ / "data"; }
  const fs::path& log() const { return log_; }
  const std::string& bytes() const { return bytes_; }
  size_t record_bytes() const { return bytes_.size() / kRows; }

  void SetLog(const std::string& bytes) { WriteFile(log_, bytes); }
  void Flip(size_t offset) {
    std::string bytes = ReadFile(log_);
    bytes[offset] = static_cast<char>(bytes[offset] ^ 0x10);
    SetLog(bytes);
  }

  // The rows that are there after opening; they must be the first ones without a gap.
  size_t OpenAndCount() {
    auto store = RocksDbStore::Open({path()});
    RequireOk(store.status());
    const Rows rows = ReadRange(**store, {Table::kJobs, "", ""});
    for (size_t i = 0; i < rows.size(); ++i) {
      REQUIRE(rows[i].first == KeyOf(static_cast<int>(i)));
      REQUIRE(rows[i].second == value_);
    }
    return rows.size();
  }

  void RequireRefused(const fs::path& named) {
    const absl::Status status = RocksDbStore::Open({path()}).status();
    INFO(status.ToString());
    REQUIRE(absl::IsDataLoss(status));
    REQUIRE(std::string(status.message()).find(named.string()) != std::string::npos);
  }

 private:
  TempDir temp_;
  const std::string value_;
  fs::path log_;
  std::string bytes_;
};

// How long the log is with about so many of its records, and how many these are.
std::pair<size_t, size_t> FirstRecords(const ClosedStore& closed, size_t count) {
  for (size_t size = count * closed.record_bytes();; ++size) {
    const std::string bytes = closed.bytes().substr(0, size);
    TempDir other;
    WriteFile(other / "000001.log", bytes);
    const auto torn = CheckWriteAheadLogs(other.path());
    RequireOk(torn.status());
    if (!torn->has_value()) return {size, size / closed.record_bytes()};
  }
}

std::optional<TornEnd> Check(const std::string& path) {
  auto torn = CheckWriteAheadLogs(path);
  RequireOk(torn.status());
  return *torn;
}

// Records smaller than a block, and larger ones that are split into fragments; all rows together
// fill several blocks and fit into one memtable.
constexpr size_t kSmallValue = 1000;
constexpr size_t kLargeValue = 70000;

TEST_CASE("sound logs pass", "[wal]") {
  ClosedStore closed(GENERATE(kSmallValue, kLargeValue));
  REQUIRE(!Check(closed.path()).has_value());
  REQUIRE(closed.OpenAndCount() == kRows);
}

TEST_CASE("the end of the list of files is checked like a log's", "[wal]") {
  ClosedStore closed(kSmallValue);
  const auto sound = CheckManifest(closed.path());
  RequireOk(sound.status());
  CHECK_FALSE(sound->has_value());
  std::string name = ReadFile(fs::path(closed.path()) / "CURRENT");
  name.pop_back();
  const fs::path manifest = fs::path(closed.path()) / name;
  const uintmax_t size = fs::file_size(manifest);
  fs::resize_file(manifest, size - 1);
  const auto torn = CheckManifest(closed.path());
  RequireOk(torn.status());
  REQUIRE(torn->has_value());
  CHECK((*torn)->file == manifest);
  CHECK((*torn)->offset + (*torn)->bytes == size - 1);
  fs::remove(manifest);
  CHECK_FALSE(CheckManifest(closed.path()).ok());
}

TEST_CASE("a directory without logs passes", "[wal]") {
  TempDir temp;
  REQUIRE(!Check(temp.path()).has_value());
  WriteFile(temp / "notes.log", "not one of RocksDB's");
  WriteFile(temp / "000001.log", "");
  REQUIRE(!Check(temp.path()).has_value());
  REQUIRE(!CheckWriteAheadLogs(temp / "absent").ok());
}

TEST_CASE("a torn end is dropped and told of", "[wal]") {
  ClosedStore closed(GENERATE(kSmallValue, kLargeValue));
  const size_t cut = GENERATE(size_t{1}, size_t{5}, size_t{500}, size_t{1000}, size_t{1022});
  closed.SetLog(closed.bytes().substr(0, closed.bytes().size() - cut));
  const auto torn = Check(closed.path());
  REQUIRE(torn.has_value());
  REQUIRE(torn->file == closed.log());
  REQUIRE(torn->offset + torn->bytes == closed.bytes().size() - cut);
  REQUIRE(torn->bytes <= closed.record_bytes() + 64);
  REQUIRE(closed.OpenAndCount() == kRows - 1);
  REQUIRE(closed.OpenAndCount() == kRows - 1);
}

TEST_CASE("a torn end may hold what looks like records", "[wal]") {
  ClosedStore closed(kSmallValue);
  const std::string record = closed.bytes().substr(0, closed.record_bytes());
  std::string forged;
  while (forged.size() < 60000) forged += record;
  TempDir temp;
  auto store = RocksDbStore::Open({temp / "data"});
  RequireOk(store.status());
  Put(**store, Table::kJobs, KeyOf(0), "whole");
  RequireOk((*store)->Sync());
  const fs::path log = Logs(temp / "data").front();
  const uintmax_t before = fs::file_size(log);
  Put(**store, Table::kJobs, KeyOf(1), forged);
  RequireOk((*store)->Sync());
  store->reset();
  const std::string bytes = ReadFile(log);
  REQUIRE(bytes.size() > before + forged.size());
  // Wherever the write ended.
  for (size_t size = before + 1; size < bytes.size(); size += 997) {
    WriteFile(log, bytes.substr(0, size));
    INFO(size << " bytes");
    const auto torn = CheckWriteAheadLogs(temp / "data");
    RequireOk(torn.status());
    REQUIRE(torn->has_value());
    CHECK((*torn)->offset == before);
  }
}

TEST_CASE("damage in the last record cannot be told from a torn end", "[wal]") {
  ClosedStore closed(GENERATE(kSmallValue, kLargeValue));
  closed.Flip(closed.bytes().size() - 10);
  REQUIRE(Check(closed.path()).has_value());
  REQUIRE(closed.OpenAndCount() == kRows - 1);
}

TEST_CASE("zeros behind the last record are a clean end", "[wal]") {
  ClosedStore closed(kSmallValue);
  const size_t zeros = GENERATE(size_t{1}, size_t{6}, size_t{100}, size_t{100000});
  closed.SetLog(closed.bytes() + std::string(zeros, '\0'));
  REQUIRE(!Check(closed.path()).has_value());
  REQUIRE(closed.OpenAndCount() == kRows);
}

TEST_CASE("garbage behind the last record is a torn end", "[wal]") {
  ClosedStore closed(kSmallValue);
  const size_t garbage = GENERATE(size_t{3}, size_t{50}, size_t{100000});
  closed.SetLog(closed.bytes() + std::string(garbage, '\x01'));
  REQUIRE(Check(closed.path())->bytes == garbage);
  REQUIRE(closed.OpenAndCount() == kRows);
}

TEST_CASE("damage with records behind it is refused", "[wal]") {
  ClosedStore closed(GENERATE(kSmallValue, kLargeValue));
  // Every byte of one record's header and the start of its data, near the start, the middle and the
  // end.
  const size_t record = GENERATE(0, 1, kRows / 2, kRows - 3);
  const size_t start = record * closed.record_bytes();
  for (size_t i = 0; i < 24; ++i) {
    closed.SetLog(closed.bytes());
    closed.Flip(start + i);
    CAPTURE(start, i);
    closed.RequireRefused(closed.log());
  }
}

TEST_CASE("a hole of zeros with records behind it is refused", "[wal]") {
  ClosedStore closed(kSmallValue);
  std::string bytes = closed.bytes();
  const size_t size = GENERATE(size_t{4096}, size_t{200});
  bytes.replace(bytes.size() / 2, size, std::string(size, '\0'));
  closed.SetLog(bytes);
  closed.RequireRefused(closed.log());
}

TEST_CASE("the way out that the refusal names works", "[wal]") {
  ClosedStore closed(kSmallValue);
  closed.Flip(closed.bytes().size() / 2);
  const absl::Status status = RocksDbStore::Open({closed.path()}).status();
  const std::string message(status.message());
  const std::string before = "truncate that file to ";
  const size_t at = message.find(before);
  REQUIRE(at != std::string::npos);
  fs::resize_file(closed.log(), std::stoul(message.substr(at + before.size())));
  const size_t kept = closed.OpenAndCount();
  REQUIRE(kept > 0);
  REQUIRE(kept < kRows);
}

// A second log, as if the first had been switched: it continues where the first, whole, ended.
fs::path AddNextLog(const ClosedStore& closed) {
  const fs::path next = fs::path(closed.path()) / "999999.log";
  TempDir other;
  fs::copy(closed.path(), other.path(), fs::copy_options::recursive);
  auto store = RocksDbStore::Open({other.path()});
  RequireOk(store.status());
  Put(**store, Table::kJobs, "zzz", "later");
  store->reset();
  WriteFile(next, ReadFile(Logs(other.path()).back()));
  return next;
}

TEST_CASE("damage in a log that is followed by another is refused", "[wal]") {
  ClosedStore closed(kSmallValue);
  AddNextLog(closed);
  REQUIRE(!Check(closed.path()).has_value());
  closed.SetLog(closed.bytes().substr(0, closed.bytes().size() - 20));
  closed.RequireRefused(closed.log());
}

// RocksDB would open it with a hole.
TEST_CASE("a log that was cut between two records and is followed by another is refused", "[wal]") {
  ClosedStore closed(kSmallValue);
  const fs::path next = AddNextLog(closed);
  const auto [size, kept] = FirstRecords(closed, 10);
  closed.SetLog(closed.bytes().substr(0, size));
  closed.RequireRefused(closed.log());
  closed.RequireRefused(next);
  // The way out that the refusal names.
  fs::remove(next);
  REQUIRE(closed.OpenAndCount() == kept);
}

TEST_CASE("a log that is missing between two others is refused", "[wal]") {
  ClosedStore closed(kSmallValue);
  const fs::path later = AddNextLog(closed);
  WriteFile(fs::path(closed.path()) / "000001.log",
            closed.bytes().substr(0, FirstRecords(closed, 10).first));
  const bool is_emptied = GENERATE(false, true);
  if (is_emptied) {
    closed.SetLog("");
  } else {
    fs::remove(closed.log());
  }
  closed.RequireRefused(later);
}

TEST_CASE("a log whose changes are all in tables may lack some", "[wal]") {
  ClosedStore closed(kSmallValue);
  REQUIRE(closed.OpenAndCount() == kRows);
  {
    auto store = RocksDbStore::Open({closed.path()});
    RequireOk(store.status());
    Put(**store, Table::kJobs, KeyOf(kRows), std::string(kSmallValue, 'v'));
    REQUIRE(!fs::exists(closed.log()));
  }
  // As if it had not been deleted.
  closed.SetLog(closed.bytes().substr(0, FirstRecords(closed, 10).first));
  REQUIRE(!Check(closed.path()).has_value());
  REQUIRE(closed.OpenAndCount() == kRows + 1);
}

TEST_CASE("a torn log that a recovery left behind is not held against the next", "[wal]") {
  ClosedStore closed(kSmallValue);
  const std::string torn = closed.bytes().substr(0, closed.bytes().size() - 20);
  closed.SetLog(torn);
  {
    auto store = RocksDbStore::Open({closed.path()});
    RequireOk(store.status());
    Put(**store, Table::kJobs, KeyOf(kRows - 1), std::string(kSmallValue, 'v'));
    REQUIRE(!fs::exists(closed.log()));
  }
  // As if the process had died before it deleted the old log.
  closed.SetLog(torn);
  REQUIRE(!Check(closed.path()).has_value());
  REQUIRE(closed.OpenAndCount() == kRows);
}

// RocksDB keeps a log from which it recovered nothing. Its torn end was then taken for damage once
// there were records in a later log: a power cut soon after a start made the next start but one
// fail.
TEST_CASE("a log that was torn in its first record does not stand in the way later", "[wal]") {
  ClosedStore closed(kSmallValue);
  const size_t kept = GENERATE(size_t{1}, size_t{6}, size_t{500});
  closed.SetLog(closed.bytes().substr(0, kept));
  REQUIRE(closed.OpenAndCount() == 0);
  for (int row = 0; row < 3; ++row) {
    {
      auto store = RocksDbStore::Open({closed.path()});
      RequireOk(store.status());
      Put(**store, Table::kJobs, KeyOf(row), std::string(kSmallValue, 'v'));
    }
    REQUIRE(closed.OpenAndCount() == static_cast<size_t>(row) + 1);
  }
}

TEST_CASE("logs of a busy store pass at any moment", "[wal]") {
  TempDir temp;
  auto store = RocksDbStore::Open({temp / "data"});
  RequireOk(store.status());
  const std::string value(size_t{50} << 10, 'v');
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 40; ++i) {
      Batch batch;
      batch.Put(Table::kJobs, KeyOf(i), value);
      batch.Put(Table::kMeta, KeyOf(i), value.substr(0, static_cast<size_t>(i) * 1000));
      const absl::Status status = (*store)->Write(batch);
      if (!absl::IsResourceExhausted(status)) RequireOk(status);
    }
    // The logs are not written meanwhile, although old ones may be deleted.
    const auto torn = CheckWriteAheadLogs(temp / "data");
    if (!absl::IsNotFound(torn.status())) {
      RequireOk(torn.status());
      REQUIRE(!torn->has_value());
    }
    if (round % 5 == 4) {
      store->reset();
      store = RocksDbStore::Open({temp / "data"});
      RequireOk(store.status());
    }
  }
}

}  // namespace
}  // namespace belfry
