// A disk that fills up, for real: new jobs are refused, what was promised goes on, and room that
// comes back is used.

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <charconv>
#include <filesystem>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "tests/integration/http_client.h"
#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/small_disk.h"
#include "tests/integration/watcher.h"

namespace belfry::integration {
namespace {

constexpr uint64_t kDiskBytes = uint64_t{64} << 20;
constexpr size_t kPayloadBytes = size_t{200} << 10;
// More jobs than the disk holds.
constexpr int kJobsMax = 1000;

// Text that does not compress.
std::string Noise(size_t bytes) {
  static std::mt19937 random(1);
  std::string text(bytes, ' ');
  for (char& c : text) c = static_cast<char>('!' + random() % 90);
  return text;
}

double Metric(const SchedulerProcess& scheduler, const std::string& name) {
  const std::string text = Http(scheduler.metrics_port(), "GET", "/metrics").body;
  const std::string line = "\n" + name + " ";
  const size_t at = text.find(line);
  INFO(name);
  REQUIRE(at != std::string::npos);
  return std::stod(text.substr(at + line.size()));
}

std::string KeptName(int number) { return "keep-" + std::to_string(number); }

// Receives and answers `count` triggers of the job "tick".
void TakeTicks(Watcher* watcher, int count) {
  for (int i = 0; i < count; ++i) {
    const auto trigger = watcher->Next();
    REQUIRE(trigger.has_value());
    CHECK(trigger->name() == "tick");
    watcher->Answer(trigger->id());
  }
}

// Schedules jobs until they are refused for good, which must be for the disk; how many were taken.
int FillWithJobs(SchedulerClient* client, int first) {
  const auto limit = std::chrono::steady_clock::now() + kWaitLimit;
  bool was_refused = false;
  for (int i = first; i < first + kJobsMax; ++i) {
    const grpc::Status status =
        client->Schedule(KeptName(i), WithText(DueIn("1h"), Noise(kPayloadBytes)));
    if (status.ok()) {
      was_refused = false;
      continue;
    }
    INFO(status.error_message());
    CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
    // A machine that is busy may be slower with flushing than this with filling.
    if (status.error_message().ends_with("it is behind with flushing; try again") &&
        std::chrono::steady_clock::now() < limit) {
      --i;
      std::this_thread::sleep_for(kQuietTime);
      continue;
    }
    CHECK_THAT(status.error_message(), Catch::Contains("database space exceeded"));
    CHECK_THAT(status.error_message(), Catch::Contains("--disk-reserve-bytes"));
    if (was_refused) return i - first;
    // A measurement of the disk later, files may be gone that were only on their way.
    was_refused = true;
    --i;
    std::this_thread::sleep_for(kQuietTime);
  }
  return kJobsMax;
}

// What must work however full the disk is. Deletes the job of that number.
void CheckGoesOn(const SchedulerProcess& scheduler, SchedulerClient* client, Watcher* watcher,
                 int number) {
  TakeTicks(watcher, 5);
  CHECK(client->Get(KeptName(0)).ok());
  CHECK(client->Delete(KeptName(number)).ok());
  CHECK_FALSE(client->Has(KeptName(number)));
  // Files that were on their way out may have made room again.
  const int filler = 2 * kJobsMax;
  const double before = Metric(scheduler, "belfry_disk_refused_jobs_total");
  const int taken = FillWithJobs(client, filler);
  CHECK(Metric(scheduler, "belfry_disk_refused_jobs_total") >= before + 2);
  CHECK(Http(scheduler.healthz_port(), "GET", "/healthz").status == 200);
  for (int i = 0; i < taken; ++i) CHECK(client->Delete(KeptName(filler + i)).ok());
}

TEST_CASE("a disk that jobs fill up refuses more of them, and deletes make room") {
  const auto kind = GENERATE(SmallDisk::Kind::kMemory, SmallDisk::Kind::kExt4);
  const auto disk = SmallDisk::Mount(kind, kDiskBytes);
  if (disk == nullptr) return;
  SchedulerProcess scheduler({.port = FreePort(), .data_dir = *disk / "data"});
  SchedulerClient client(scheduler.address());
  Watcher watcher(scheduler.address(), WatchApp("app"));
  REQUIRE(client.Schedule("tick", Recurring("@every 100ms")).ok());
  TakeTicks(&watcher, 2);
  CHECK(Metric(scheduler, "belfry_disk_refusing") == 0);

  const int taken = FillWithJobs(&client, 0);
  CHECK(taken > 100);
  CHECK(taken < kJobsMax);
  CHECK(disk->free_bytes() > 0);
  CheckGoesOn(scheduler, &client, &watcher, taken - 1);
  CHECK(Metric(scheduler, "belfry_disk_refused_jobs_total") >= 2);

  for (int i = 1; i < taken; ++i) REQUIRE(client.Delete(KeptName(i)).ok());
  TakeTicks(&watcher, 5);
  CHECK(Eventually([&] { return disk->free_bytes() > kDiskBytes / 2; }));
  CHECK(Eventually([&] { return client.Schedule("new", DueIn("1h")).ok(); }));
  CHECK(Metric(scheduler, "belfry_disk_refusing") == 0);
  TakeTicks(&watcher, 5);
  CHECK(FillWithJobs(&client, taken) > 50);
  CHECK(client.Get(KeptName(0)).ok());
  CHECK(scheduler.Terminate() == 0);
}

TEST_CASE("a backup to a disk without room fails, and nothing else") {
  const auto disk = SmallDisk::Mount(SmallDisk::Kind::kMemory, kDiskBytes);
  if (disk == nullptr) return;
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  for (int i = 0; i < 200; ++i) {
    REQUIRE(client.Schedule(KeptName(i), WithText(DueIn("1h"), Noise(kPayloadBytes))).ok());
  }
  disk->Fill(1 << 20);
  for (int i = 0; i < 3; ++i) {
    const CommandResult backup = RunCommand(
        "belfry",
        {"admin", "backup", "--data-dir=" + scheduler.data_dir(), "--to=" + (*disk / "backup")});
    CHECK(backup.exit_code == 1);
    CHECK_THAT(backup.err, Catch::Contains("No space left") && !Catch::Contains("start again"));
    CHECK(client.Schedule("job-" + std::to_string(i), DueIn("1h")).ok());
  }
  CHECK_THAT(scheduler.process().Output(),
             !Catch::Contains("ballast is given up") && !Catch::Contains("cannot write"));
  disk->RemoveFill();
}

TEST_CASE("a disk that others fill up") {
  const auto kind = GENERATE(SmallDisk::Kind::kMemory, SmallDisk::Kind::kExt4);
  const auto disk = SmallDisk::Mount(kind, kDiskBytes);
  if (disk == nullptr) return;
  SchedulerProcess scheduler({.port = FreePort(), .data_dir = *disk / "data"});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("tick", Recurring("@every 100ms")).ok());
  for (int i = 0; i < 10; ++i) {
    REQUIRE(client.Schedule(KeptName(i), WithText(DueIn("1h"), Noise(kPayloadBytes))).ok());
  }
  CHECK(Metric(scheduler, "belfry_disk_ballast_bytes") > 0);
  {
    Watcher watcher(scheduler.address(), WatchApp("app"));
    CHECK(disk->FillUntil([&] { return Metric(scheduler, "belfry_disk_ballast_bytes") == 0; }));
    CHECK(disk->free_bytes() > 0);
    CheckGoesOn(scheduler, &client, &watcher, 9);
  }
  // A start finds room in what the ballast has left.
  scheduler.Kill();
  scheduler.Start();
  SchedulerClient again(scheduler.address());
  Watcher watcher(scheduler.address(), WatchApp("app"));
  TakeTicks(&watcher, 2);
  // The start has cleared up, and its ballast is back; that room is taken too.
  CHECK(Eventually([&] { return Metric(scheduler, "belfry_disk_ballast_bytes") > 0; }));
  CHECK(disk->FillUntil([&] { return Metric(scheduler, "belfry_disk_ballast_bytes") == 0; }));
  CheckGoesOn(scheduler, &again, &watcher, 8);

  disk->RemoveFill();
  CHECK(Eventually([&] { return again.Schedule("new", DueIn("1h")).ok(); }));
  CHECK(Metric(scheduler, "belfry_disk_ballast_bytes") > 0);
  CHECK(Metric(scheduler, "belfry_disk_refusing") == 0);
  TakeTicks(&watcher, 5);
}

TEST_CASE("a change that cannot be written ends the scheduler, and the next one knows all before") {
  const auto disk = SmallDisk::Mount(SmallDisk::Kind::kExt4, kDiskBytes);
  if (disk == nullptr) return;
  SchedulerProcess scheduler(
      {.port = FreePort(), .flags = {"--disk-reserve-bytes=0"}, .data_dir = *disk / "data"});
  SchedulerClient client(scheduler.address());
  disk->Fill(uint64_t{8} << 20);
  grpc::Status status;
  int taken = 0;
  while (taken < kJobsMax) {
    status = client.Schedule(KeptName(taken), WithText(DueIn("1h"), Noise(kPayloadBytes)));
    if (!status.ok()) break;
    ++taken;
  }
  INFO(status.error_message());
  // Nobody can tell whether the last one was stored.
  CHECK(status.error_code() == grpc::StatusCode::UNAVAILABLE);
  const std::optional<int> result = scheduler.process().Wait();
  REQUIRE(result.has_value());
  CHECK(*result != 0);
  CHECK_THAT(scheduler.process().Output(), Catch::Contains("No space left on device"));

  disk->RemoveFill();
  scheduler.Start();
  SchedulerClient again(scheduler.address());
  for (int i = 0; i < taken; ++i) CHECK(again.Has(KeptName(i)));
  CHECK(again.Schedule("new", DueIn("1h")).ok());
}

// The system's default for that is to kill the process without a word.
TEST_CASE("a file that may not grow ends the scheduler, which says why") {
  SchedulerProcess scheduler({.port = FreePort(), .flags = {"--disk-reserve-bytes=0"}});
  SchedulerClient client(scheduler.address());
  scheduler.process().Limit(RLIMIT_FSIZE, uint64_t{4} << 20);
  int taken = 0;
  while (taken < kJobsMax &&
         client.Schedule(KeptName(taken), WithText(DueIn("1h"), Noise(kPayloadBytes))).ok()) {
    ++taken;
  }
  CHECK(taken > 0);
  const std::optional<int> result = scheduler.process().Wait();
  REQUIRE(result.has_value());
  CHECK(*result > 0);
  CHECK_THAT(scheduler.process().Output(), Catch::Contains("File too large"));

  scheduler.Start();
  SchedulerClient again(scheduler.address());
  for (int i = 0; i < taken; ++i) CHECK(again.Has(KeptName(i)));
}

}  // namespace
}  // namespace belfry::integration
