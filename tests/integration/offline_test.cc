// Jobs of apps that nobody receives for: they wait, and delay nobody else.

#include <catch2/catch.hpp>
#include <string>

#include "tests/integration/http_app.h"
#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"
#include "tests/integration/watcher.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::scheduler::v1;

TEST_CASE("jobs that became due while no sidecar was connected arrive when one connects") {
  constexpr size_t kJobs = 50;
  constexpr size_t kTicks = 10;
  SchedulerProcess scheduler({.port = FreePort()});
  SchedulerClient client(scheduler.address());
  for (size_t i = 0; i < kJobs; ++i) {
    const std::string name = "job-" + std::to_string(i);
    REQUIRE(client.Schedule(name, WithDrop(WithText(DueIn("0s"), name))).ok());
  }
  // Missed ticks are not skipped.
  pb::Job recurring = Recurring("@every 10ms");
  recurring.set_repeats(kTicks);
  REQUIRE(client.Schedule("tick", recurring).ok());
  CHECK(Never([&] { return client.Names().size() != kJobs + 1; }));
  // Waiting is no state that a restart could lose.
  scheduler.Kill();
  scheduler.Start();

  HttpApp app;
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  REQUIRE(app.WaitForJobs(kJobs + kTicks));
  for (size_t i = 0; i < kJobs; ++i) {
    const std::string name = "job-" + std::to_string(i);
    REQUIRE(app.jobs("/job/" + name).size() == 1);
    CHECK(app.jobs("/job/" + name)[0].body == name);
  }
  CHECK(app.jobs("/job/tick").size() == kTicks);
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("an app that is offline delays no other") {
  constexpr int kJobs = 200;
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  for (int i = 0; i < kJobs; ++i) {
    REQUIRE(client.Schedule("job-" + std::to_string(i), DueIn("0s"), AppMetadata("gone")).ok());
  }
  Watcher watcher(scheduler.address(), WatchApp("here"));
  REQUIRE(client.Schedule("job", DueIn("0s"), AppMetadata("here")).ok());
  const auto trigger = watcher.Next();
  REQUIRE(trigger.has_value());
  CHECK(trigger->metadata().app_id() == "here");
  watcher.Answer(trigger->id());
  CHECK(Eventually([&] { return client.Names(AppMetadata("here")).empty(); }));
  CHECK(client.Names(AppMetadata("gone")).size() == kJobs);
}

TEST_CASE("what happens to a waiting job happens: delete and overwrite") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("deleted", DueIn("0s")).ok());
  REQUIRE(client.Schedule("changed", WithText(DueIn("0s"), "old")).ok());
  REQUIRE(client.Schedule("postponed", DueIn("0s")).ok());
  REQUIRE(client.Delete("deleted").ok());
  REQUIRE(client.Schedule("changed", WithText(DueIn("0s"), "new"), AppMetadata(), true).ok());
  REQUIRE(client.Schedule("postponed", DueIn("1h"), AppMetadata(), true).ok());
  Watcher watcher(scheduler.address(), WatchApp("app"));
  const auto trigger = watcher.Next();
  REQUIRE(trigger.has_value());
  CHECK(trigger->name() == "changed");
  CHECK_THAT(trigger->data().value(), Catch::Contains("new"));
  CHECK_FALSE(watcher.Next(kQuietTime).has_value());
}

}  // namespace
}  // namespace belfry::integration
