// Backups of a store on disk: what is in them, when there is none, and what verifying finds.

#include "storage/backup.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "scheduler/store/turn_batch.h"
#include "tests/conformance/stores.h"

namespace belfry {
namespace {

namespace fs = std::filesystem;
using Value = std::optional<std::string>;

bool Never() { return false; }

std::unique_ptr<RocksDbStore> Open(const std::string& path) {
  auto store = RocksDbStore::Open({path});
  RequireOk(store.status());
  return std::move(store).value();
}

// A store that a check finds nothing wrong with.
std::unique_ptr<RocksDbStore> OpenWithFormat(const std::string& path) {
  auto store = Open(path);
  TurnBatch batch(store.get());
  batch.PutFormat(2);
  RequireOk(store->Write(batch.batch()));
  return store;
}

// Rows of table `jobs` that do not compress.
constexpr size_t kRows = 200;

// A store whose rows are in table files, closed.
void FillTables(const std::string& path) {
  constexpr int kValueBytes = 2000;
  std::mt19937 random(1);
  auto store = OpenWithFormat(path);
  for (size_t i = 0; i < kRows; ++i) {
    std::string value(kValueBytes, '\0');
    for (char& byte : value) byte = static_cast<char>(random());
    Put(*store, Table::kJobs, std::to_string(i), value);
  }
  store.reset();
  // Opening writes what was in the log into tables.
  Open(path).reset();
}

bool Contains(const absl::Status& status, const std::string& text) {
  return std::string(status.message()).find(text) != std::string::npos;
}

std::set<std::string> Entries(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.insert(entry.path().filename());
  }
  return names;
}

// Content and names of all files.
std::string Fingerprint(const fs::path& directory) {
  std::string all;
  for (const std::string& name : Entries(directory)) {
    std::ifstream file(directory / name, std::ios::binary);
    all += name + '\0' + std::string(std::istreambuf_iterator<char>(file), {}) + '\0';
  }
  return all;
}

void FlipByte(const fs::path& path, std::streamoff offset) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(offset);
  const char byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(offset);
  file.put(byte);
  REQUIRE(file.good());
}

TEST_CASE("a backup holds what was written before, in files that are shared", "[rocksdb]") {
  TempDir temp;
  FillTables(temp / "data");
  auto store = Open(temp / "data");
  Put(*store, Table::kCounters, "only in the log", "1");
  const auto report = MakeBackup(*store, temp / "backup", Never);
  RequireOk(report.status());
  CHECK(report->store.rows_of(Table::kJobs) == kRows);
  CHECK(report->store.rows_of(Table::kCounters) == 1);
  CHECK_FALSE(fs::exists(temp / "backup.partial"));
  bool shares_tables = false;
  for (const auto& entry : fs::directory_iterator(temp / "backup")) {
    const bool is_table = entry.path().extension() == ".sst";
    shares_tables = shares_tables || (is_table && fs::hard_link_count(entry.path()) > 1);
  }
  CHECK(shares_tables);

  // Later changes are not in it, and the store goes on.
  Put(*store, Table::kCounters, "later", "1");
  store.reset();
  auto restored = Open(temp / "backup");
  CHECK(Read(*restored, Table::kCounters, "only in the log") == Value("1"));
  CHECK(Read(*restored, Table::kCounters, "later") == Value());
  CHECK(ReadRange(*restored, {Table::kJobs, "", ""}).size() == kRows);
  // The manifest does not describe what a store in use becomes.
  CHECK_FALSE(fs::exists(temp / "backup/belfry.backup"));
  CHECK(Read(*Open(temp / "data"), Table::kCounters, "later") == Value("1"));
}

TEST_CASE("a backup under load holds a beginning of the history", "[rocksdb]") {
  TempDir temp;
  auto store = OpenWithFormat(temp / "data");
  std::atomic<bool> is_over = false;
  std::atomic<int> written = 0;
  std::atomic<bool> failed = false;
  std::thread writer([&] {
    for (int i = 0; !is_over; ++i) {
      Batch batch;
      // Both or neither, and a record longer than a block of the log now and then.
      batch.Put(Table::kJobs, std::to_string(i), std::string(i % 50 == 0 ? 100000 : 100, 'v'));
      batch.Put(Table::kCounters, std::to_string(i), "");
      const absl::Status status = store->Write(batch);
      if (absl::IsResourceExhausted(status)) {
        --i;
        continue;
      }
      if (!status.ok()) failed = true;
      written = i + 1;
    }
  });
  for (int round = 0; round < 5; ++round) {
    const std::string to = temp / ("backup-" + std::to_string(round));
    const int before = written;
    const auto report = MakeBackup(*store, to, Never);
    INFO(report.status().ToString());
    CHECK(report.ok());
    const auto verified = VerifyStore(to);
    INFO(verified.status().ToString());
    CHECK(verified.ok());
    auto copy = RocksDbStore::OpenReadOnly(to);
    if (!copy.ok()) continue;
    const size_t jobs = ReadRange(**copy, {Table::kJobs, "", ""}).size();
    CHECK(jobs >= static_cast<size_t>(before));
    CHECK(ReadRange(**copy, {Table::kCounters, "", ""}).size() == jobs);
    // None is missing in the middle.
    if (jobs > 0) {
      CHECK(Read(**copy, Table::kJobs, std::to_string(jobs - 1)).has_value());
    }
  }
  is_over = true;
  writer.join();
  CHECK_FALSE(failed);
}

TEST_CASE("a backup goes only where there is nothing, and leaves nothing behind", "[rocksdb]") {
  TempDir temp;
  auto store = OpenWithFormat(temp / "data");
  const auto refused = [&](const std::string& to) {
    const auto before = Entries(temp.path());
    const absl::Status status = MakeBackup(*store, to, Never).status();
    INFO(to << ": " << status.ToString());
    CHECK(!status.ok());
    CHECK(Entries(temp.path()) == before);
    return status;
  };
  fs::create_directories(temp / "full/entry");
  CHECK(Contains(refused(temp / "full"), "is there already"));
  std::ofstream(temp / "file") << "x";
  CHECK(Contains(refused(temp / "file"), "is there already"));
  CHECK(Contains(refused(temp / "missing/backup"), "missing"));
  CHECK(Contains(refused(temp / "data/backup"), "lies in the data directory"));
  CHECK(Contains(refused(temp / "data"), "lies in the data directory"));
  CHECK(absl::IsInvalidArgument(refused("")));
  CHECK(absl::IsCancelled(MakeBackup(*store, temp / "given-up", [] { return true; }).status()));
  CHECK(Entries(temp.path()) == std::set<std::string>{"data", "file", "full"});

  // What may be left by a killed process may also be something else, such as a store.
  fs::create_directories(temp / "empty");
  fs::create_directories(temp / "empty.partial/x");
  CHECK(Contains(refused(temp / "empty"), "empty.partial\" is there already"));
  CHECK(fs::exists(temp / "empty.partial/x"));
  fs::remove_all(temp / "empty.partial");
  // An empty directory is fine.
  RequireOk(MakeBackup(*store, temp / "empty/", Never).status());
  CHECK_FALSE(fs::exists(temp / "empty.partial"));
  RequireOk(VerifyStore(temp / "empty").status());
}

TEST_CASE("verifying changes nothing", "[rocksdb]") {
  TempDir temp;
  auto store = OpenWithFormat(temp / "data");
  Put(*store, Table::kQuarantine, "a", "1");
  RequireOk(MakeBackup(*store, temp / "backup", Never).status());
  const std::string before = Fingerprint(temp / "backup");
  const auto report = VerifyStore(temp / "backup");
  RequireOk(report.status());
  REQUIRE(report->files.has_value());
  CHECK(report->files->files + 1 == Entries(temp / "backup").size());
  CHECK((Fingerprint(temp / "backup") == before));
}

// A store in "data", with rows in files and in the log, and its backup in "backup".
void MakeFullBackup(const TempDir& temp) {
  FillTables(temp / "data");
  auto store = Open(temp / "data");
  Put(*store, Table::kCounters, "in the log", "1");
  RequireOk(MakeBackup(*store, temp / "backup", Never).status());
}

TEST_CASE("verifying finds a byte that has changed, in every file", "[rocksdb]") {
  TempDir temp;
  MakeFullBackup(temp);
  for (const std::string& name : Entries(temp / "backup")) {
    const fs::path file = fs::path(temp / "backup") / name;
    const auto size = static_cast<std::streamoff>(fs::file_size(file));
    if (size == 0) continue;
    for (const std::streamoff offset : {std::streamoff{0}, size / 2, size - 1}) {
      // A table file is the store's too.
      const fs::path copy = temp / "copy";
      fs::remove_all(copy);
      fs::copy(temp / "backup", copy);
      FlipByte(copy / name, offset);
      const absl::Status status = VerifyStore(copy).status();
      INFO(name << " at " << offset << ": " << status.ToString());
      CHECK(absl::IsDataLoss(status));
      CHECK(Contains(status, name));
    }
  }
  const fs::path copy = temp / "copy";
  fs::remove_all(copy);
  fs::copy(temp / "backup", copy);
  fs::remove(copy / "CURRENT");
  CHECK(Contains(VerifyStore(copy).status(), "is missing"));
}

TEST_CASE("a backup of which something is missing is no store", "[rocksdb]") {
  TempDir temp;
  MakeFullBackup(temp);
  const fs::path copy = temp / "copy";
  for (const std::string& name : Entries(temp / "backup")) {
    if (name == kBackupManifest) continue;
    for (const bool is_missing : {true, false}) {
      fs::remove_all(copy);
      fs::copy(temp / "backup", copy);
      if (!is_missing && fs::file_size(copy / name) == 0) continue;
      if (is_missing) {
        fs::remove(copy / name);
      } else {
        fs::resize_file(copy / name, fs::file_size(copy / name) - 1);
      }
      const absl::Status status = RocksDbStore::Open({.path = copy}).status();
      INFO(name << ": " << status.ToString());
      CHECK(absl::IsDataLoss(status));
      CHECK(Contains(status, name));
      // Without that file it is no directory of a database, manifest or not.
      const bool is_current = name == "CURRENT" && is_missing;
      CHECK(Contains(status, is_current ? "restore the directory" : "copy it once more"));
      CHECK(fs::exists(copy / kBackupManifest));
    }
  }
  fs::remove_all(copy);
  fs::copy(temp / "backup", copy);
  CHECK(Read(*Open(copy), Table::kCounters, "in the log") == Value("1"));
}

TEST_CASE("a directory without a manifest is verified by what is in it", "[rocksdb]") {
  TempDir temp;
  FillTables(temp / "data");
  {
    const auto store = Open(temp / "data");
    const absl::Status in_use = VerifyStore(temp / "data").status();
    CHECK(absl::IsFailedPrecondition(in_use));
    CHECK(Contains(in_use, "is in use"));
  }
  const auto report = VerifyStore(temp / "data");
  RequireOk(report.status());
  CHECK_FALSE(report->files.has_value());
  CHECK(report->store.rows_of(Table::kJobs) == kRows);
  std::string table;
  for (const std::string& name : Entries(temp / "data")) {
    if (name.ends_with(".sst") && fs::file_size(fs::path(temp / "data") / name) > 100000) {
      table = name;
    }
  }
  REQUIRE_FALSE(table.empty());
  FlipByte(fs::path(temp / "data") / table, 50000);
  const absl::Status damaged = VerifyStore(temp / "data").status();
  INFO(damaged.ToString());
  CHECK(absl::IsDataLoss(damaged));
  CHECK(Contains(damaged, table));
}

TEST_CASE("what is no store is said to be none", "[rocksdb]") {
  TempDir temp;
  CHECK(absl::IsNotFound(VerifyStore(temp / "missing").status()));
  CHECK(absl::IsNotFound(VerifyStore(temp.path()).status()));
  CHECK(Entries(temp.path()).empty());
}

TEST_CASE("a store for reading refuses to be written", "[rocksdb]") {
  TempDir temp;
  OpenWithFormat(temp / "data").reset();
  auto store = RocksDbStore::OpenReadOnly(temp / "data");
  RequireOk(store.status());
  Batch batch;
  batch.Put(Table::kJobs, "a", "1");
  CHECK_FALSE((*store)->Write(batch).ok());
  CHECK(ReadRange(**store, {Table::kJobs, "", ""}).empty());
}

}  // namespace
}  // namespace belfry
