// What only the RocksDbStore does: directories, locks and reopening.

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "rocksdb/db.h"
#include "scheduler/job/key_codec.h"
#include "storage/garbage_collector.h"
#include "storage/rocksdb_options.h"
#include "tests/conformance/stores.h"

namespace belfry {
namespace {

namespace fs = std::filesystem;
using Value = std::optional<std::string>;

absl::Status OpenStatus(const std::string& path) { return RocksDbStore::Open({path}).status(); }

bool Contains(const absl::Status& status, const std::string& text) {
  return std::string(status.message()).find(text) != std::string::npos;
}

// How long a child process may take before it is ended.
constexpr unsigned kChildSecondsMax = 30;

// Runs `body` in a child process; whether it returned true.
template <typename Body>
bool RunInChild(const Body& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(kChildSecondsMax);
    // Without running destructors: to the store it is as if the process were killed.
    ::_exit(body() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status == 0;
}

void Touch(const std::string& path) { std::ofstream(path) << "x"; }

TEST_CASE("a directory is made with its parents, for the owner only", "[rocksdb]") {
  const mode_t old_mask = ::umask(0);
  TempDir temp;
  const std::string path = temp / "a/b/data/";
  {
    auto store = RocksDbStore::Open({path});
    RequireOk(store.status());
    Put(**store, Table::kJobs, "a", "1");
  }
  ::umask(old_mask);
  for (const std::string& made : {temp / "a", temp / "a/b", temp / "a/b/data"}) {
    REQUIRE((fs::status(made).permissions() & fs::perms::mask) == fs::perms::owner_all);
  }
}

TEST_CASE("closing and opening again keeps what was only written", "[rocksdb]") {
  TempDir temp;
  for (int i = 0; i < 3; ++i) {
    auto store = RocksDbStore::Open({temp / "data"});
    RequireOk(store.status());
    REQUIRE(ReadRange(**store, {Table::kJobs, "", ""}).size() == static_cast<size_t>(i));
    Put(**store, Table::kJobs, std::to_string(i), "");
  }
}

TEST_CASE("a killed process loses nothing that it wrote", "[rocksdb]") {
  TempDir temp;
  REQUIRE(RunInChild([&] {
    auto store = RocksDbStore::Open({temp / "data"});
    Batch batch;
    batch.Put(Table::kJobs, "a", "1");
    const bool written = store.ok() && (*store)->Write(batch).ok();
    // Never closed.
    return store.ok() && std::move(store).value().release() != nullptr && written;
  }));
  auto store = RocksDbStore::Open({temp / "data"});
  RequireOk(store.status());
  REQUIRE(Read(**store, Table::kJobs, "a") == Value("1"));
}

TEST_CASE("a directory belongs to one store at a time", "[rocksdb]") {
  TempDir temp;
  auto store = RocksDbStore::Open({temp / "data"});
  RequireOk(store.status());
  const absl::Status in_process = OpenStatus(temp / "data");
  REQUIRE(absl::IsFailedPrecondition(in_process));
  REQUIRE(Contains(in_process, temp / "data"));
  REQUIRE(Contains(in_process, "another process holds"));

  REQUIRE(RunInChild([&] { return absl::IsFailedPrecondition(OpenStatus(temp / "data")); }));

  Put(**store, Table::kJobs, "a", "1");
  store->reset();
  RequireOk(OpenStatus(temp / "data"));
}

TEST_CASE("a path that cannot be a directory is named", "[rocksdb]") {
  TempDir temp;
  Touch(temp / "file");
  for (const std::string& path : {temp / "file", temp / "file/data", std::string("/proc/belfry")}) {
    const absl::Status status = OpenStatus(path);
    INFO(status.ToString());
    REQUIRE(!status.ok());
    REQUIRE(Contains(status, "cannot create data directory"));
    REQUIRE(Contains(status, path == temp / "file/data" ? temp / "file" : path));
  }
  REQUIRE(absl::IsInvalidArgument(OpenStatus("")));
}

TEST_CASE("the data of an etcd is refused", "[rocksdb]") {
  const auto [name, is_directory] =
      GENERATE(table<std::string, bool>({{"member", true},
                                         {"dapr-0.1", true},
                                         {"dapr-scheduler-existing-cluster", false},
                                         {"default-dapr-scheduler-server-0/dapr-0.1", true}}));
  TempDir temp;
  if (is_directory) {
    fs::create_directories(temp / name);
  } else {
    Touch(temp / name);
  }
  const absl::Status status = OpenStatus(temp.path());
  INFO(status.ToString());
  REQUIRE(absl::IsFailedPrecondition(status));
  REQUIRE(Contains(status, "etcd"));
  REQUIRE(!fs::exists(temp / "CURRENT"));
}

TEST_CASE("a directory with unrelated files is taken", "[rocksdb]") {
  TempDir temp;
  fs::create_directories(temp / "lost+found");
  RequireOk(OpenStatus(temp.path()));
  // Once the database is there, other names no longer matter.
  fs::create_directories(temp / "member");
  RequireOk(OpenStatus(temp.path()));
}

TEST_CASE("a database that lost its first file is not begun anew", "[rocksdb]") {
  TempDir temp;
  RequireOk(OpenStatus(temp.path()));
  fs::remove(temp / "CURRENT");
  const absl::Status status = OpenStatus(temp.path());
  INFO(status.ToString());
  REQUIRE(absl::IsDataLoss(status));
  REQUIRE(Contains(status, "CURRENT"));
}

TEST_CASE("a table of another program or version is refused", "[rocksdb]") {
  TempDir temp;
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  REQUIRE(rocksdb::DB::Open(options, temp / "data", &db).ok());
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  REQUIRE(db->CreateColumnFamily(options, "from-the-future", &handle).ok());
  REQUIRE(db->DestroyColumnFamilyHandle(handle).ok());
  delete db;
  const absl::Status status = OpenStatus(temp / "data");
  INFO(status.ToString());
  REQUIRE(absl::IsFailedPrecondition(status));
  REQUIRE(Contains(status, "from-the-future"));
}

TEST_CASE("a directory written to faster than it can be flushed stays within its files",
          "[rocksdb]") {
  TempDir temp;
  const std::string value(size_t{64} << 10, 'v');
  uint64_t written = 0;
  {
    auto store = RocksDbStore::Open({temp / "data"});
    RequireOk(store.status());
    // Twice what the logs may hold, so that logs are switched and old ones deleted.
    constexpr int kRefusalsMax = 60000;
    int refusals = 0;
    for (int i = 0; written < 2 * kWalBytesMax; ++i) {
      Batch batch;
      for (int j = 0; j < 16; ++j) {
        batch.Put(Table::kJobs, std::to_string(i % 64) + "/" + std::to_string(j), value);
      }
      batch.Put(Table::kCounters, "count", std::to_string(i));
      const absl::Status status = (*store)->Write(batch);
      if (absl::IsResourceExhausted(status)) {
        // Allowed by the contract; nothing is applied and the same batch may come again.
        REQUIRE((*store)->write_pressure() == WritePressure::kRefuseNewWork);
        REQUIRE(++refusals < kRefusalsMax);
        --i;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        continue;
      }
      RequireOk(status);
      written += batch.byte_size();
    }
    RequireOk((*store)->Sync());
  }
  uint64_t log_bytes = 0;
  for (const auto& entry : fs::directory_iterator(temp / "data")) {
    if (entry.path().extension() == ".log") log_bytes += entry.file_size();
  }
  REQUIRE(log_bytes < kWalBytesMax + kWalBytesMax / 2);
  auto store = RocksDbStore::Open({temp / "data"});
  RequireOk(store.status());
  REQUIRE(Read(**store, Table::kJobs, "0/0") == Value(value));
  REQUIRE((*store)->write_pressure() == WritePressure::kNone);
}

uint64_t DiskBytes(const std::string& path) {
  uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(path)) {
    std::error_code gone;
    const uint64_t size = fs::file_size(entry.path(), gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

TEST_CASE("a store whose jobs are gone gives their space back while it rests", "[rocksdb]") {
  constexpr int kJobs = 2 * kGarbageJobsMin;
  constexpr uint64_t kJobBytes = 1000;
  constexpr uint64_t kEmptyBytes = kJobs * kJobBytes / 10;
  constexpr auto kLimit = std::chrono::seconds(90);
  TempDir temp;
  auto store = RocksDbStore::Open({.path = temp / "data", .collects_garbage = true});
  RequireOk(store.status());
  std::mt19937 random(1);
  std::string job(kJobBytes, '\0');
  for (int i = 0; i < kJobs; ++i) {
    for (char& byte : job) byte = static_cast<char>(random());
    Batch batch;
    batch.Put(Table::kJobs, EncodeId(i), job);
    batch.Put(Table::kNames, std::to_string(i), job.substr(0, 16));
    RequireOk((*store)->Write(batch));
  }
  for (int i = 0; i < kJobs; ++i) {
    Batch batch;
    batch.Delete(Table::kJobs, EncodeId(i));
    batch.Delete(Table::kNames, std::to_string(i));
    RequireOk((*store)->Write(batch));
  }
  REQUIRE(DiskBytes(temp / "data") > kEmptyBytes);
  const auto end = std::chrono::steady_clock::now() + kLimit;
  while (DiskBytes(temp / "data") > kEmptyBytes) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  CHECK(Read(**store, Table::kJobs, EncodeId(0)) == Value());
}

}  // namespace
}  // namespace belfry
