// However many jobs are due for an app that is offline: they cost no memory, they delay nobody, and
// they begin to arrive as soon as somebody watches.

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/loop/scheduler_loop.h"
#include "spdlog/fmt/fmt.h"
#include "storage/rocksdb_store.h"
#include "tests/realtime/stop_watch.h"
#include "tests/support/temp_dir.h"

namespace belfry {
namespace {

constexpr size_t kDefaultJobs = 200000;
// Requests under way at a time; far fewer than the mailbox takes.
constexpr size_t kAtOnce = 10000;
constexpr absl::Duration kTimeout = absl::Seconds(120);
// Of the whole process, with RocksDB's buffers and caches.
constexpr size_t kMostMemory = size_t{250} << 20;
constexpr absl::Duration kFirstTrigger = absl::Seconds(1);
// How much later a job of somebody else may be, at the median: much less than it would be if the
// loop looked at the backlog, and more than the noise of a busy machine.
constexpr absl::Duration kDelay = absl::Milliseconds(10);

size_t JobCount() {
  const char* text = std::getenv("BELFRY_SCALE_JOBS");
  return text == nullptr ? kDefaultJobs : std::strtoull(text, nullptr, 10);
}

size_t ResidentBytes() {
  size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * 4096;
}

// How long after its due time, which is its payload, a trigger came.
absl::Duration Lateness(const StopWatch::Trigger& trigger) {
  return trigger.came - absl::FromUnixNanos(std::strtoll(trigger.payload.c_str(), nullptr, 10));
}

class Scale {
 public:
  Scale() {
    store = RocksDbStore::Open({.path = directory.path()}).value();
    loop = SchedulerLoop::Open(store.get(), &clock, {}).value();
    loop->Start();
  }
  ~Scale() { loop->Stop().IgnoreError(); }

  // A one-shot with its due time as payload.
  void Schedule(const std::string& app, const std::string& name, absl::Time due) {
    dapr::proto::scheduler::v1::Job job;
    job.set_due_time(Rfc3339(due));
    job.mutable_data()->set_value(std::to_string(absl::ToUnixNanos(due)));
    auto spec = ParseJob(job, clock.Now()).value();
    ++under_way;
    loop->Schedule(JobKeyOf(MetadataOf(app), name), MetadataOf(app), std::move(job),
                   std::move(spec), false, [this](const absl::Status& status) {
                     if (!status.ok()) ++refused;
                     --under_way;
                   });
  }

  // Waits until fewer than `count` requests are under way.
  void WaitForRoom(size_t count) {
    const auto end = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kTimeout);
    while (under_way >= count) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  std::shared_ptr<StopWatch> Watch(const std::string& app) {
    return StopWatch::Connect(loop.get(), ParseTarget(MetadataOf(app)).value());
  }

  // The median lateness of jobs that become due over a second.
  absl::Duration MedianLateness(const std::string& app) {
    constexpr int kProbes = 500;
    auto watcher = Watch(app);
    const absl::Time begin = clock.Now() + absl::Milliseconds(300);
    for (int i = 0; i < kProbes; ++i) {
      Schedule(app, std::to_string(i), begin + i * absl::Milliseconds(2));
    }
    const auto triggers = watcher->WaitFor(kProbes, kTimeout);
    watcher->Disconnect();
    REQUIRE(triggers.size() == kProbes);
    std::vector<absl::Duration> lateness;
    for (const auto& trigger : triggers) lateness.push_back(Lateness(trigger));
    REQUIRE(*std::min_element(lateness.begin(), lateness.end()) >= absl::ZeroDuration());
    std::nth_element(lateness.begin(), lateness.begin() + kProbes / 2, lateness.end());
    return lateness[kProbes / 2];
  }

  TempDir directory;
  SystemClock clock;
  std::unique_ptr<RocksDbStore> store;
  std::unique_ptr<SchedulerLoop> loop;
  std::atomic<size_t> under_way{0};
  std::atomic<size_t> refused{0};
};

TEST_CASE("the backlog of an app that is offline costs no memory and delays nobody") {
  Scale scale;
  const size_t jobs = JobCount();
  const absl::Duration without = scale.MedianLateness("before");

  const absl::Time past = scale.clock.Now() - absl::Hours(1);
  const absl::Time load_begin = scale.clock.Now();
  for (size_t i = 0; i < jobs; ++i) {
    // Ten thousand distinct times, so that many share one.
    scale.Schedule("offline", fmt::format("job-{:09}", i),
                   past + absl::Milliseconds(static_cast<int64_t>(i % 10000)));
    if (i % 100 == 0) scale.WaitForRoom(kAtOnce);
  }
  scale.WaitForRoom(1);
  const absl::Duration load = scale.clock.Now() - load_begin;
  REQUIRE(scale.refused == 0);

  const absl::Duration with = scale.MedianLateness("meanwhile");
  const size_t memory = ResidentBytes();
  const absl::Time watch_begin = scale.clock.Now();
  auto watcher = scale.Watch("offline");
  REQUIRE(!watcher->WaitFor(1, kTimeout).empty());
  const absl::Duration first = scale.clock.Now() - watch_begin;

  const std::string report = fmt::format(
      "{} jobs stored in {}; median lateness of others {} without and {} with them; resident "
      "memory {} MB; first trigger {} after the first stream",
      jobs, absl::FormatDuration(load), absl::FormatDuration(without), absl::FormatDuration(with),
      memory >> 20, absl::FormatDuration(first));
  WARN(report);
  CHECK(memory <= kMostMemory);
  CHECK(with <= without + kDelay);
  CHECK(first <= kFirstTrigger);
  // And they go on arriving.
  CHECK(watcher->WaitFor(1000, kTimeout).size() >= 1000);
}

}  // namespace
}  // namespace belfry
