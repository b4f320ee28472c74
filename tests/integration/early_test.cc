// Never early, not by a microsecond: measured on the machine's own clock where triggers leave the
// loop, before any network could hide it.

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <random>
#include <string>

#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/base/mutex.h"
#include "scheduler/loop/scheduler_loop.h"
#include "storage/memory_store.h"

namespace belfry {
namespace {

constexpr int kJobs = 3000;
constexpr int kTicks = 40;
constexpr absl::Duration kTimeout = absl::Seconds(60);

// Notes when each trigger came, and answers it.
class StopWatch final : public Watcher {
 public:
  void Send(dapr::proto::scheduler::v1::WatchJobsResponse trigger) override {
    const absl::Time now = absl::FromChrono(std::chrono::system_clock::now());
    loop->Settle(id, trigger.id(), Outcome::kSuccess);
    MutexLock lock(&mutex_);
    came_.emplace_back(trigger.name(), now);
    more_.SignalAll();
  }
  size_t unsent_bytes() const override { return 0; }

  std::vector<std::pair<std::string, absl::Time>> WaitFor(size_t count) {
    const auto end = std::chrono::steady_clock::now() + absl::ToChronoSeconds(kTimeout);
    MutexLock lock(&mutex_);
    while (came_.size() < count) {
      if (std::chrono::steady_clock::now() > end) break;
      more_.WaitFor(absl::Seconds(1));
    }
    return came_;
  }

  SchedulerLoop* loop = nullptr;
  WatcherId id = 0;

 private:
  Mutex mutex_;
  CondVar more_{&mutex_};  // signalled with every trigger
  std::vector<std::pair<std::string, absl::Time>> came_ ABSL_GUARDED_BY(mutex_);
};

dapr::proto::scheduler::v1::JobMetadata Metadata() {
  dapr::proto::scheduler::v1::JobMetadata metadata;
  metadata.set_namespace_("ns");
  metadata.set_app_id("app");
  metadata.mutable_target()->mutable_job();
  return metadata;
}

TEST_CASE("no trigger leaves the loop before its time") {
  SystemClock clock;
  MemoryStore store;
  auto loop = SchedulerLoop::Open(&store, &clock, {}).value();
  auto watcher = std::make_shared<StopWatch>();
  watcher->loop = loop.get();
  watcher->id = loop->AddWatcher(watcher, {ParseTarget(Metadata()).value()});
  loop->Start();

  std::mt19937_64 random(20240424);
  std::map<std::string, absl::Time> due;
  const absl::Time begin = clock.Now() + absl::Milliseconds(200);
  const auto schedule = [&](const std::string& name, dapr::proto::scheduler::v1::Job job) {
    auto spec = ParseJob(job, clock.Now()).value();
    loop->Schedule(JobKeyOf(Metadata(), name), Metadata(), std::move(job), std::move(spec), false,
                   [](const absl::Status&) {});
  };
  for (int i = 0; i < kJobs; ++i) {
    const std::string name = std::to_string(i);
    due[name] = begin + absl::Nanoseconds(static_cast<int64_t>(random() % 1000000000));
    dapr::proto::scheduler::v1::Job job;
    job.set_due_time(absl::FormatTime("%Y-%m-%d%ET%H:%M:%E9SZ", due[name], absl::UTCTimeZone()));
    schedule(name, job);
  }
  dapr::proto::scheduler::v1::Job ticks;
  ticks.set_schedule("@every 23456789ns");
  ticks.set_repeats(kTicks);
  ticks.set_due_time(absl::FormatTime("%Y-%m-%d%ET%H:%M:%E9SZ", begin, absl::UTCTimeZone()));
  schedule("ticks", ticks);

  const auto came = watcher->WaitFor(kJobs + kTicks);
  REQUIRE(came.size() == kJobs + kTicks);
  absl::Duration earliest = absl::InfiniteDuration();
  int tick = 0;
  for (const auto& [name, time] : came) {
    const absl::Time at =
        name == "ticks" ? begin + tick++ * absl::Nanoseconds(23456789) : due[name];
    INFO(name << " came " << absl::FormatDuration(time - at) << " after it was due");
    REQUIRE(time >= at);
    earliest = std::min(earliest, time - at);
  }
  // Else the comparison proves nothing: something was on time.
  CHECK(earliest < absl::Milliseconds(5));
  REQUIRE(loop->Stop().ok());
}

}  // namespace
}  // namespace belfry
