// kill -9 of the scheduler: what it has acknowledged is there when it comes back, and fires.

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/protobuf/wrappers.pb.h"
#include "tests/integration/http_app.h"
#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::scheduler::v1;

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

// A scheduler that comes back on its port, and an app that stays connected.
struct Setup {
  SchedulerProcess scheduler{{.port = FreePort()}};
  HttpApp app;
  SidecarProcess sidecar{{.scheduler = scheduler.address(), .app_port = app.port()}};

  void KillAndRestart() {
    scheduler.Kill();
    scheduler.Start();
  }
};

TEST_CASE("a job that was scheduled before the scheduler was killed fires at its time after it") {
  Setup setup;
  const absl::Time due = absl::Now() + absl::Seconds(2);
  REQUIRE(setup.sidecar
              .Http("POST", "/v1.0-alpha1/jobs/jobforjabba",
                    R"({"job":{"data":{"@type":"type.googleapis.com/google.protobuf.StringValue",)"
                    R"("value":"Running spice"},"dueTime":")" +
                        Rfc3339(due) + R"("}})")
              .status == 204);
  setup.KillAndRestart();
  REQUIRE(absl::Now() < due);
  REQUIRE(setup.app.WaitForJobs(1));
  const AppRequest request = setup.app.jobs()[0];
  CHECK(request.target == "/job/jobforjabba");
  CHECK(request.body == "Running spice");
  CHECK(request.arrived >= due);
  SchedulerClient client(setup.scheduler.address());
  CHECK(Eventually([&] { return client.Names().empty(); }));
  CHECK(setup.app.job_count() == 1);
}

TEST_CASE("a job that became due while the scheduler was down fires when it is back, once") {
  Setup setup;
  SchedulerClient client(setup.scheduler.address());
  const std::string large(1 << 20, 'x');
  const absl::Time due = absl::Now() + absl::Milliseconds(200);
  REQUIRE(client.Schedule("late", WithText(DueIn(Rfc3339(due)), large)).ok());
  setup.scheduler.Kill();
  REQUIRE(Eventually([&] { return absl::Now() > due; }));
  CHECK(setup.app.job_count() == 0);
  setup.scheduler.Start();
  REQUIRE(setup.app.WaitForJobs(1));
  CHECK((setup.app.jobs()[0].body == large));
  CHECK(Eventually([&] { return client.Names().empty(); }));
  setup.KillAndRestart();
  // A client of its own: the first call of the other one may meet the connection that was killed.
  CHECK(SchedulerClient(setup.scheduler.address()).Names().empty());
  CHECK(Never([&] { return setup.app.job_count() > 1; }));
}

TEST_CASE("a recurring job loses no tick to kills, and repeats at most the one in flight") {
  constexpr size_t kTicks = 20;
  constexpr size_t kKills = 3;
  Setup setup;
  SchedulerClient client(setup.scheduler.address());
  pb::Job job = Recurring("@every 100ms");
  job.set_repeats(kTicks);
  REQUIRE(client.Schedule("tick", job).ok());
  for (size_t kill = 1; kill <= kKills; ++kill) {
    REQUIRE(setup.app.WaitForJobs(kill * kTicks / (kKills + 2)));
    setup.KillAndRestart();
  }
  CHECK(Eventually([&] { return !client.Has("tick"); }));
  CHECK(setup.app.job_count() >= kTicks);
  CHECK(setup.app.job_count() <= kTicks + kKills);
}

TEST_CASE("tries that failed before a kill stay counted") {
  SchedulerProcess scheduler({.port = FreePort()});
  HttpApp app(0, [](const AppRequest&) { return AppReply{500}; });
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("fails", WithRetries(DueIn("0s"), 4, 300)).ok());
  REQUIRE(app.WaitForJobs(2));
  scheduler.Kill();
  const size_t before = app.job_count();
  scheduler.Start();
  CHECK(Eventually([&] { return !client.Has("fails"); }));
  // Five tries; the one in flight at the kill may have been repeated.
  CHECK(before < 5);
  CHECK(app.job_count() >= 5);
  CHECK(app.job_count() <= 6);
}

// What the scheduler has acknowledged. Thread safety: its own.
class Ledger {
 public:
  void Scheduled(const std::string& name, absl::Time due) {
    const std::lock_guard lock(mutex_);
    due_[name] = due;
  }
  void Kept(const std::string& name) {
    const std::lock_guard lock(mutex_);
    kept_.insert(name);
  }
  // Takes one of the kept jobs out, to be deleted; empty if there is none.
  std::string TakeKept() {
    const std::lock_guard lock(mutex_);
    if (kept_.empty()) return "";
    return kept_.extract(kept_.begin()).value();
  }
  void Deleted(const std::string& name) {
    const std::lock_guard lock(mutex_);
    deleted_.insert(name);
  }
  // Calls cut off by a kill fail at once; none may hang.
  void Ended(const grpc::Status& status) {
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) ++timeouts_;
  }

  int timeouts() const { return timeouts_; }

  size_t size() const {
    const std::lock_guard lock(mutex_);
    return due_.size() + kept_.size() + deleted_.size();
  }
  // When nobody writes any more.
  const std::map<std::string, absl::Time>& due() const { return due_; }
  const std::set<std::string>& kept() const { return kept_; }
  const std::set<std::string>& deleted() const { return deleted_; }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, absl::Time> due_;
  std::set<std::string> kept_;
  std::set<std::string> deleted_;
  std::atomic<int> timeouts_ = 0;
};

// Schedules jobs that are due soon, others that are due much later, and deletes some of those,
// until told to stop. Names are payloads too.
void Load(const std::string& scheduler, unsigned seed, const std::atomic<bool>* is_over,
          Ledger* ledger) {
  constexpr int kEarliestMs = -100;
  constexpr int kLatestMs = 2000;
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> draw_wait(kEarliestMs, kLatestMs);
  std::uniform_int_distribution<int> draw_kind(0, 9);
  SchedulerClient client(scheduler);
  for (int i = 0; !*is_over; ++i) {
    const int kind = draw_kind(random);
    const std::string suffix = std::to_string(seed) + "-" + std::to_string(i);
    grpc::Status status;
    if (kind == 0) {
      const std::string name = ledger->TakeKept();
      if (name.empty()) continue;
      status = client.Delete(name);
      if (status.ok()) ledger->Deleted(name);
    } else if (kind <= 2) {
      const std::string name = "keep-" + suffix;
      status = client.Schedule(name, WithText(DueIn("1h"), name));
      if (status.ok()) ledger->Kept(name);
    } else {
      const std::string name = "soon-" + suffix;
      const absl::Time due = absl::Now() + absl::Milliseconds(draw_wait(random));
      status = client.Schedule(name, WithText(DueIn(Rfc3339(due)), name));
      if (status.ok()) ledger->Scheduled(name, due);
    }
    ledger->Ended(status);
    std::this_thread::sleep_for(kPollPause);
  }
}

// First arrivals.
std::map<std::string, AppRequest> ByName(const HttpApp& app) {
  std::map<std::string, AppRequest> out;
  for (AppRequest& request : app.jobs()) {
    const std::string name = request.target.substr(std::string("/job/").size());
    out.emplace(name, std::move(request));
  }
  return out;
}

bool AllHaveCome(const Ledger& ledger, const HttpApp& app) {
  const auto arrived = ByName(app);
  return std::all_of(ledger.due().begin(), ledger.due().end(),
                     [&](const auto& job) { return arrived.count(job.first) == 1; });
}

// Drawn, unless the environment says which: then the same jobs come again, and kills after the same
// pauses.
unsigned Seed() {
  const char* given = std::getenv("BELFRY_TEST_SEED");
  return given != nullptr ? static_cast<unsigned>(std::stoul(given)) : std::random_device{}();
}

TEST_CASE("kills at random moments lose no acknowledged job and bring none early") {
  constexpr int kKills = 5;
  constexpr unsigned kThreads = 3;
  const unsigned seed = Seed();
  std::cout << "BELFRY_TEST_SEED=" << seed << std::endl;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> draw_life_ms(50, 500);

  Setup setup;
  Ledger ledger;
  std::atomic<bool> is_over = false;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    threads.emplace_back(Load, setup.scheduler.address(), seed + i, &is_over, &ledger);
  }
  bool had_load = true;
  for (int kill = 0; kill < kKills; ++kill) {
    const size_t before = ledger.size();
    had_load = had_load && Eventually([&] { return ledger.size() >= before + 20; });
    // When the kill comes is the point of the test.
    std::this_thread::sleep_for(std::chrono::milliseconds(draw_life_ms(random)));
    setup.KillAndRestart();
  }
  is_over = true;
  for (std::thread& thread : threads) thread.join();

  CHECK(had_load);
  CHECK(ledger.timeouts() == 0);
  CHECK(Eventually([&] { return AllHaveCome(ledger, setup.app); }));
  const auto arrived = ByName(setup.app);
  for (const auto& [name, due] : ledger.due()) {
    INFO(name);
    REQUIRE(arrived.count(name) == 1);
    CHECK(arrived.at(name).arrived >= due);
    CHECK(arrived.at(name).body == name);
  }
  SchedulerClient client(setup.scheduler.address());
  std::vector<pb::NamedJob> jobs;
  REQUIRE(client.List(AppMetadata(), &jobs).ok());
  std::set<std::string> left;
  for (const pb::NamedJob& job : jobs) {
    google::protobuf::StringValue payload;
    REQUIRE(job.job().data().UnpackTo(&payload));
    CHECK(payload.value() == job.name());
    left.insert(job.name());
  }
  CHECK(std::includes(left.begin(), left.end(), ledger.kept().begin(), ledger.kept().end()));
  for (const std::string& name : ledger.deleted()) {
    INFO(name);
    CHECK(left.count(name) == 0);
  }
}

}  // namespace
}  // namespace belfry::integration
