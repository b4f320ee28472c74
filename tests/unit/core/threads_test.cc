// The loop with its threads: many callers at once, watchers that come and go, start and stop. What
// it checks is that everything is answered and delivered; ThreadSanitizer checks the rest.

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "scheduler/base/mutex.h"
#include "scheduler/loop/scheduler_loop.h"
#include "storage/memory_store.h"

namespace belfry {
namespace {

constexpr absl::Duration kLimit = absl::Seconds(60);
constexpr int kCallers = 4;
constexpr int kJobsPerCaller = 250;

JobKey Key(const std::string& name) { return {{TargetKind::kApp, "ns", "app"}, "", name}; }

dapr::proto::scheduler::v1::JobMetadata Metadata() {
  dapr::proto::scheduler::v1::JobMetadata metadata;
  metadata.set_namespace_("ns");
  metadata.set_app_id("app");
  metadata.mutable_target()->mutable_job();
  return metadata;
}

// Counts to a target that others wait for.
class Counter {
 public:
  void Add() {
    MutexLock lock(&mutex_);
    ++count_;
    changed_.SignalAll();
  }
  bool WaitFor(int target) {
    const auto deadline = SystemClock().Monotonic() + kLimit;
    MutexLock lock(&mutex_);
    while (count_ < target) {
      const absl::Duration left = deadline - SystemClock().Monotonic();
      if (left <= absl::ZeroDuration()) return false;
      changed_.WaitFor(left);
    }
    return true;
  }

 private:
  Mutex mutex_;
  CondVar changed_{&mutex_};
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Answers every trigger from the thread that sends it.
class AnsweringWatcher final : public Watcher {
 public:
  AnsweringWatcher(SchedulerLoop* loop, Counter* settled) : loop_(loop), settled_(settled) {}
  void Send(dapr::proto::scheduler::v1::WatchJobsResponse trigger) override {
    loop_->Settle(id, trigger.id(), Outcome::kSuccess);
    settled_->Add();
  }
  size_t unsent_bytes() const override { return 0; }

  std::atomic<WatcherId> id{0};

 private:
  SchedulerLoop* const loop_;
  Counter* const settled_;
};

// Takes triggers and never answers.
class SilentWatcher final : public Watcher {
 public:
  void Send(dapr::proto::scheduler::v1::WatchJobsResponse) override {}
  size_t unsent_bytes() const override { return 0; }
};

void ScheduleNow(SchedulerLoop* loop, const std::string& name, Counter* answered) {
  dapr::proto::scheduler::v1::Job job;
  job.set_due_time("0s");
  FillDefaultFailurePolicy(&job);
  auto spec = ParseJob(job, SystemClock().Now());
  loop->Schedule(Key(name), Metadata(), job, *std::move(spec), false, [answered](absl::Status s) {
    if (s.ok()) answered->Add();
  });
}

TEST_CASE("many callers and streams that come and go: all is answered, delivered and settled") {
  SystemClock clock;
  MemoryStore store;
  auto loop = SchedulerLoop::Open(&store, &clock, {}).value();
  loop->Start();
  Counter answered, settled;
  auto steady = std::make_shared<AnsweringWatcher>(loop.get(), &settled);
  // Triggers may arrive before the id is known here; they are answered late, by the stream's end.
  steady->id = loop->AddWatcher(steady, {Key("").target});
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < kJobsPerCaller; ++i) {
        const std::string name = std::to_string(caller) + "-" + std::to_string(i);
        ScheduleNow(loop.get(), name, &answered);
        if (i % 50 != 0) continue;
        const WatcherId silent =
            loop->AddWatcher(std::make_shared<SilentWatcher>(), {Key("").target});
        loop->Get(Key(name), [](auto) {});
        loop->List(EncodeTargetKey(Key("").target), SIZE_MAX, [](auto) {});
        loop->RemoveWatcher(silent);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  REQUIRE(answered.WaitFor(kCallers * kJobsPerCaller));
  REQUIRE(settled.WaitFor(kCallers * kJobsPerCaller));
  REQUIRE(loop->Stop().ok());
  size_t left = 0;
  REQUIRE(store.Scan({Table::kJobs, "", ""}, [&](auto, auto) { return ++left > 0; }).ok());
  REQUIRE(left == 0);
}

TEST_CASE("a loop that is stopped under load answers every request exactly once") {
  for (int round = 0; round < 20; ++round) {
    SystemClock clock;
    MemoryStore store;
    auto loop = SchedulerLoop::Open(&store, &clock, {}).value();
    loop->Start();
    std::atomic<int> answers{0};
    std::vector<std::thread> callers;
    for (int caller = 0; caller < kCallers; ++caller) {
      callers.emplace_back([&] {
        for (int i = 0; i < 100; ++i) {
          loop->Delete(Key("x"), [&](absl::Status) { ++answers; });
          loop->Get(Key("x"), [&](auto) { ++answers; });
          loop->List(EncodeTargetKey(Key("").target), SIZE_MAX, [&](auto) { ++answers; });
        }
      });
    }
    std::thread stopper([&] { loop->Stop().IgnoreError(); });
    for (std::thread& caller : callers) caller.join();
    stopper.join();
    REQUIRE(answers == kCallers * 300);
  }
}

}  // namespace
}  // namespace belfry
