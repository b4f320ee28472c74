// Streams that end with triggers on them: the triggers go to others, soon, and nobody has failed.

#include <signal.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>

#include "tests/integration/http_app.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"
#include "tests/integration/watcher.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::scheduler::v1;

// A trigger whose stream is known to have ended is with another stream well before this, which is
// well before a silent peer would be given up.
constexpr std::chrono::milliseconds kSoon{2500};

TEST_CASE("a watcher that goes away with a trigger leaves it to the next one") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  const std::function<void(Watcher*)> go_away =
      GENERATE(std::function<void(Watcher*)>([](Watcher* watcher) { watcher->Cancel(); }),
               std::function<void(Watcher*)>([](Watcher* watcher) { watcher->HalfClose(); }));
  // A failure would be the end of it.
  REQUIRE(client.Schedule("job", WithDrop(WithText(DueIn("0s"), "payload"))).ok());
  Watcher first(scheduler.address(), WatchApp("app"));
  const auto lost = first.Next();
  REQUIRE(lost.has_value());
  Watcher second(scheduler.address(), WatchApp("app"));
  CHECK_FALSE(second.Next(kQuietTime).has_value());
  go_away(&first);
  const auto trigger = second.Next(kSoon);
  REQUIRE(trigger.has_value());
  CHECK(trigger->name() == "job");
  CHECK(trigger->data().value() == lost->data().value());
  second.Answer(trigger->id());
  CHECK(Eventually([&] { return client.Names().empty(); }));
  CHECK_FALSE(second.Next(kQuietTime).has_value());
}

TEST_CASE("undelivered triggers are no attempts") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("job", WithRetries(DueIn("0s"), 1, 10)).ok());
  constexpr int kLosses = 3;
  for (int i = 0; i < kLosses; ++i) {
    Watcher watcher(scheduler.address(), WatchApp("app"));
    REQUIRE(watcher.Next().has_value());
  }
  // All of its two tries are left.
  Watcher watcher(scheduler.address(), WatchApp("app"));
  for (int i = 0; i < 2; ++i) {
    CHECK(client.Has("job"));
    const auto trigger = watcher.Next();
    REQUIRE(trigger.has_value());
    watcher.Answer(trigger->id(), pb::FAILED);
  }
  CHECK(Eventually([&] { return !client.Has("job"); }));
}

TEST_CASE("many triggers on a stream that dies all come again, once") {
  constexpr size_t kJobs = 100;
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  for (size_t i = 0; i < kJobs; ++i) {
    REQUIRE(client.Schedule("job-" + std::to_string(i), WithDrop(DueIn("0s"))).ok());
  }
  {
    Watcher watcher(scheduler.address(), WatchApp("app"));
    for (size_t i = 0; i < kJobs; ++i) REQUIRE(watcher.Next().has_value());
  }
  Watcher watcher(scheduler.address(), WatchApp("app"));
  for (size_t i = 0; i < kJobs; ++i) {
    const auto trigger = watcher.Next();
    REQUIRE(trigger.has_value());
    watcher.Answer(trigger->id());
  }
  CHECK(Eventually([&] { return client.Names().empty(); }));
  CHECK_FALSE(watcher.Next(kQuietTime).has_value());
}

// An app of two replicas. The first job that comes to either hangs there; all others are answered.
struct Replicas {
  std::atomic<bool> is_first = true;

  HttpApp::Script HangOnce() {
    return [this](const AppRequest&) {
      return AppReply{200,
                      is_first.exchange(false) ? std::chrono::minutes(2) : std::chrono::minutes(0)};
    };
  }

  SchedulerProcess scheduler;
  std::array<HttpApp, 2> apps = {HttpApp(0, HangOnce()), HttpApp(0, HangOnce())};
  std::array<SidecarProcess, 2> sidecars = {
      SidecarProcess({.scheduler = scheduler.address(), .app_port = apps[0].port()}),
      SidecarProcess({.scheduler = scheduler.address(), .app_port = apps[1].port()})};

  // Waits until a job hangs; the index of the replica.
  size_t WaitForHang() const {
    REQUIRE(Eventually([this] { return apps[0].job_count() + apps[1].job_count() == 1; }));
    return apps[0].job_count() == 1 ? 0 : 1;
  }
};

TEST_CASE("a sidecar that is killed with a job in its app's hands leaves it to another replica") {
  Replicas replicas;
  SchedulerClient client(replicas.scheduler.address());
  REQUIRE(client.Schedule("job", WithDrop(WithText(DueIn("0s"), "payload"))).ok());
  const size_t hanging = replicas.WaitForHang();
  CHECK(Never([&] { return replicas.apps[1 - hanging].job_count() > 0; }));
  replicas.sidecars[hanging].Kill();
  const HttpApp& other = replicas.apps[1 - hanging];
  CHECK(Eventually([&] { return other.job_count() == 1; }, kSoon));
  REQUIRE(other.WaitForJobs(1));
  CHECK(other.jobs()[0].body == "payload");
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("a sidecar that stands still is found out, and its jobs go to another replica") {
  Replicas replicas;
  SchedulerClient client(replicas.scheduler.address());
  REQUIRE(client.Schedule("job", WithDrop(WithText(DueIn("0s"), "payload"))).ok());
  const size_t hanging = replicas.WaitForHang();
  replicas.sidecars[hanging].process().Signal(SIGSTOP);
  const HttpApp& other = replicas.apps[1 - hanging];
  REQUIRE(other.WaitForJobs(1));
  CHECK(other.jobs()[0].body == "payload");
  CHECK(Eventually([&] { return client.Names().empty(); }));
  // When it goes on, it connects again and receives.
  replicas.sidecars[hanging].process().Signal(SIGCONT);
  replicas.sidecars[1 - hanging].Kill();
  REQUIRE(client.Schedule("again", DueIn("0s")).ok());
  REQUIRE(replicas.apps[hanging].WaitForJobs(2));
  CHECK(replicas.apps[hanging].jobs()[1].target == "/job/again");
}

}  // namespace
}  // namespace belfry::integration
