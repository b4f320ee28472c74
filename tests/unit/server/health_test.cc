// Health over HTTP, of a real loop that is stopped on purpose: its store blocks.

#include "server/http_endpoints.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include "scheduler/base/clock.h"
#include "tests/support/blocking_store.h"

namespace belfry::server {
namespace {

constexpr std::chrono::seconds kWaitLimit{20};
// Longer than the loop's longest sleep.
constexpr absl::Duration kStall = absl::Milliseconds(1500);
constexpr absl::Duration kWait = absl::Milliseconds(700);

class CountingWatcher final : public Watcher {
 public:
  void Send(dapr::proto::scheduler::v1::WatchJobsResponse) override { ++count; }
  size_t unsent_bytes() const override { return 0; }
  std::atomic<int> count = 0;
};

struct Parts {
  Parts() {
    loop = SchedulerLoop::Open(&store, &clock, LoopOptions{}).value();
    Limits limits;
    limits.max_loop_stall = kStall;
    limits.max_dispatch_wait = kWait;
    health = std::make_unique<Health>(loop.get(), limits);
    loop->Start();
    loop->AddWatcher(watcher, {TargetKey{TargetKind::kApp, "ns", "app"}});
    health->SetServing(true);
  }
  ~Parts() {
    store.Unblock();
    CHECK(loop->Stop().ok());
  }

  void Schedule(const std::string& name, const char* schedule) {
    dapr::proto::scheduler::v1::JobMetadata metadata;
    metadata.set_namespace_("ns");
    metadata.set_app_id("app");
    metadata.mutable_target()->mutable_job();
    dapr::proto::scheduler::v1::Job job;
    job.set_schedule(schedule);
    auto spec = ParseJob(job, clock.Now());
    REQUIRE(spec.ok());
    loop->Schedule(JobKeyOf(metadata, name), metadata, job, *spec, false, [](absl::Status) {});
  }
  unsigned Status(const char* path) const { return AnswerHealth(*health, path).status; }
  bool Eventually(const char* path, unsigned status) const {
    const auto end = std::chrono::steady_clock::now() + kWaitLimit;
    while (Status(path) != status) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  SystemClock clock;
  BlockingStore store;
  std::shared_ptr<CountingWatcher> watcher = std::make_shared<CountingWatcher>();
  std::unique_ptr<SchedulerLoop> loop;
  std::unique_ptr<Health> health;
};

TEST_CASE("a scheduler that serves is alive and ready, and other paths are not found") {
  Parts parts;
  for (const char* path : {"/healthz", "/readyz", "/livez"}) {
    const HttpReply reply = AnswerHealth(*parts.health, path);
    CHECK(reply.status == 200);
    CHECK(reply.body.empty());
  }
  for (const char* path : {"/", "/health", "/healthz/", "/metrics"}) {
    CHECK(parts.Status(path) == 404);
  }
  parts.health->SetServing(false);
  CHECK(parts.Status("/healthz") == 503);
  CHECK(parts.Status("/readyz") == 503);
  CHECK(parts.Status("/livez") == 200);
}

TEST_CASE("a loop that is stuck is neither alive nor ready, until it turns again") {
  Parts parts;
  parts.store.BlockWrites(true);
  parts.Schedule("job", "@every 1h");
  CHECK(parts.Eventually("/livez", 503));
  CHECK(parts.Status("/healthz") == 503);
  CHECK(parts.Status("/readyz") == 503);
  parts.store.BlockWrites(false);
  CHECK(parts.Eventually("/livez", 200));
  CHECK(parts.Eventually("/healthz", 200));
}

TEST_CASE("a loop that turns and does not fire what it could is alive, and not ready") {
  Parts parts;
  parts.store.BlockLoads(true);
  parts.Schedule("job", "@every 1ms");
  CHECK(parts.Eventually("/readyz", 503));
  CHECK(parts.Status("/healthz") == 503);
  CHECK(parts.Status("/livez") == 200);
  CHECK(parts.watcher->count == 0);
  parts.store.BlockLoads(false);
  CHECK(parts.Eventually("/readyz", 200));
  CHECK(parts.watcher->count == 1);
}

TEST_CASE("a job that nobody answers does not make the scheduler unready") {
  Parts parts;
  parts.Schedule("job", "@every 1ms");
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(3 * kWait);
  while (std::chrono::steady_clock::now() < end) {
    REQUIRE(parts.Status("/readyz") == 200);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(parts.watcher->count == 1);
}

}  // namespace
}  // namespace belfry::server
