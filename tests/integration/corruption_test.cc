// Files of a real scheduler's store, damaged while it is down: what may be lost is refused with a
// text that says which file and what to do; what a crash leaves is passed over.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/watcher.h"

namespace belfry::integration {
namespace {

namespace fs = std::filesystem;

constexpr int kJobs = 20;
constexpr size_t kPayloadBytes = 20000;

std::string NameOf(int number) { return "job-" + std::to_string(100 + number); }

// Text that does not compress.
std::string Noise() {
  static std::mt19937 random(1);
  std::string text(kPayloadBytes, ' ');
  for (char& c : text) c = static_cast<char>('!' + random() % 90);
  return text;
}

// The largest file of a kind.
std::string Largest(const std::string& directory, const std::string& extension) {
  std::string path;
  uint64_t size = 0;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() != extension || entry.file_size() < size) continue;
    size = entry.file_size();
    path = entry.path();
  }
  REQUIRE(size > 0);
  return path;
}

void FlipByte(const std::string& path, uint64_t offset) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get();
  REQUIRE(file.good());
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte ^ 0x10));
  REQUIRE(file.good());
}

// A scheduler with jobs that nobody has received, killed.
class KilledScheduler {
 public:
  explicit KilledScheduler(const std::string& due) {
    SchedulerClient client(scheduler.address());
    for (int i = 0; i < kJobs; ++i) {
      REQUIRE(client.Schedule(NameOf(i), WithText(DueIn(due), Noise())).ok());
    }
    scheduler.Kill();
  }

  // Jobs that are there, from the first on.
  int CountJobs() const {
    SchedulerClient client(scheduler.address());
    int count = 0;
    while (count < kJobs && client.Has(NameOf(count))) ++count;
    return count;
  }

  // A start that ends by itself.
  CommandResult StartInVain() const {
    return RunCommand(
        "belfry-scheduler",
        {"--listen-address=127.0.0.1", "--healthz-listen-address=127.0.0.1", "--port=0",
         "--healthz-port=0", "--metrics-port=0", "--data-dir=" + scheduler.data_dir()});
  }

  SchedulerProcess scheduler{{.port = FreePort()}};
};

TEST_CASE("a log that is damaged in its middle ends the start") {
  KilledScheduler killed("1h");
  const std::string log = Largest(killed.scheduler.data_dir(), ".log");
  const uint64_t middle = fs::file_size(log) / 2;
  FlipByte(log, middle);
  const CommandResult result = killed.StartInVain();
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.out + result.err, Catch::Contains(log));
  CHECK_THAT(result.out + result.err, Catch::Contains("restore the directory from a backup"));
  // Nothing was changed by it.
  FlipByte(log, middle);
  killed.scheduler.Start();
  CHECK(killed.CountJobs() == kJobs);
}

TEST_CASE("a log that is damaged at its end is that of a crash") {
  const bool is_cut = GENERATE(true, false);
  KilledScheduler killed("1h");
  const std::string log = Largest(killed.scheduler.data_dir(), ".log");
  const uint64_t size = fs::file_size(log);
  if (is_cut) {
    fs::resize_file(log, size - 5);
  } else {
    FlipByte(log, size - 5);
  }
  killed.scheduler.Start();
  // Whatever the last record was about; the test damages what had been made durable.
  CHECK(killed.CountJobs() >= kJobs - 1);
  SchedulerClient client(killed.scheduler.address());
  CHECK(client.Schedule("new", DueIn("1h")).ok());
  killed.scheduler.Kill();
  killed.scheduler.Start();
  CHECK(killed.CountJobs() >= kJobs - 1);
}

TEST_CASE("a table file that is damaged is named when it is read") {
  KilledScheduler killed("0s");
  // A start brings the log into table files.
  killed.scheduler.Start();
  killed.scheduler.Kill();
  const std::string table = Largest(killed.scheduler.data_dir(), ".sst");
  FlipByte(table, fs::file_size(table) / 2);
  killed.scheduler.Start();
  const Watcher watcher(killed.scheduler.address(), WatchApp("app"));
  const std::optional<int> exit_code = killed.scheduler.process().Wait();
  REQUIRE(exit_code.has_value());
  CHECK(*exit_code == 1);
  const std::string output = killed.scheduler.process().Output();
  CHECK_THAT(output, Catch::Contains(fs::path(table).filename().string()));
  CHECK_THAT(output, Catch::Contains("restore the data directory from a backup"));
}

TEST_CASE("a table file that was cut, or whose end is damaged, ends the start") {
  const bool is_cut = GENERATE(true, false);
  KilledScheduler killed("1h");
  killed.scheduler.Start();
  killed.scheduler.Kill();
  const std::string table = Largest(killed.scheduler.data_dir(), ".sst");
  const uint64_t size = fs::file_size(table);
  if (is_cut) {
    fs::resize_file(table, size / 2);
  } else {
    FlipByte(table, size - 3);
  }
  const CommandResult result = killed.StartInVain();
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.out + result.err, Catch::Contains(fs::path(table).filename().string()));
  CHECK_THAT(result.out + result.err, Catch::Contains("restore the data directory from a backup"));
}

TEST_CASE("a table file that is missing ends the start and is named") {
  KilledScheduler killed("1h");
  killed.scheduler.Start();
  killed.scheduler.Kill();
  const std::string table = Largest(killed.scheduler.data_dir(), ".sst");
  fs::remove(table);
  const CommandResult result = killed.StartInVain();
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.out + result.err, Catch::Contains(fs::path(table).filename().string()));
  CHECK_THAT(result.out + result.err, Catch::Contains("a file is missing: restore"));
}

std::string ManifestOf(const std::string& directory) {
  std::string name = ReadFile(directory + "/CURRENT");
  REQUIRE(name.ends_with('\n'));
  name.pop_back();
  return directory + "/" + name;
}

TEST_CASE("a list of files that has lost its end is never taken for a whole one") {
  KilledScheduler killed("1h");
  killed.scheduler.Start();
  killed.scheduler.Kill();
  const std::string manifest = ManifestOf(killed.scheduler.data_dir());
  SECTION("nothing is left of it") {
    fs::resize_file(manifest, 0);
    const CommandResult result = killed.StartInVain();
    CHECK(result.exit_code == 1);
    CHECK_THAT(result.out + result.err, Catch::Contains("there is no table"));
    CHECK_THAT(result.out + result.err,
               Catch::Contains("restore the data directory from a backup"));
  }
  SECTION("it is missing") {
    fs::remove(manifest);
    const CommandResult result = killed.StartInVain();
    CHECK(result.exit_code == 1);
    CHECK_THAT(result.out + result.err, Catch::Contains(fs::path(manifest).filename().string()));
    CHECK_THAT(result.out + result.err, Catch::Contains("a file is missing: restore"));
  }
  SECTION("it ends within an entry") {
    fs::resize_file(manifest, fs::file_size(manifest) - 1);
    killed.scheduler.Start();
    CHECK_THAT(killed.scheduler.process().Output(),
               Catch::Contains("unfinished end of the list of files") &&
                   Catch::Contains(fs::path(manifest).filename().string()));
  }
}

TEST_CASE("a log that was removed is missed") {
  KilledScheduler killed("1h");
  fs::remove(Largest(killed.scheduler.data_dir(), ".log"));
  killed.scheduler.Start();
  CHECK_THAT(killed.scheduler.process().Output(), Catch::Contains("there is no log in"));
}

}  // namespace
}  // namespace belfry::integration
