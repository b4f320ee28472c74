// The wall clock is set while jobs wait and run: each tick that became due fires once, in order,
// and none fires twice.

#include <catch2/catch.hpp>

#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

class Stepped : public ManualScheduler {
 public:
  void SetClock(absl::Duration by) {
    clock.StepTo(clock.Now() + by);
    RunUntilIdle();
  }
};

std::vector<std::string> Names(const RecordingWatcher& watcher) {
  std::vector<std::string> names;
  for (const auto& trigger : watcher.triggers) names.push_back(trigger.name());
  return names;
}

TEST_CASE("what a jump forward makes due fires once, in the order of its times") {
  Stepped scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("in 3 h", {.due_time = "3h"}).ok());
  REQUIRE(scheduler.Schedule("in 1 h", {.due_time = "1h"}).ok());
  REQUIRE(scheduler.Schedule("in 2 h", {.due_time = "2h"}).ok());
  REQUIRE(scheduler.Schedule("in 9 h", {.due_time = "9h"}).ok());
  scheduler.SetClock(absl::Hours(4));
  REQUIRE(Names(*watcher) == std::vector<std::string>{"in 1 h", "in 2 h", "in 3 h"});
  for (uint64_t id : {1, 2, 3}) scheduler.Answer(*watcher, id);
  scheduler.Advance(absl::Hours(5) - absl::Nanoseconds(1));
  REQUIRE(watcher->triggers.size() == 3);
  scheduler.Advance(absl::Nanoseconds(1));
  REQUIRE(watcher->triggers.size() == 4);
}

TEST_CASE("a recurring job fires each tick of a jump forward once") {
  Stepped scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("tick", {.schedule = "@every 1h"}).ok());
  scheduler.SetClock(absl::Hours(3) + absl::Minutes(30));
  for (uint64_t id = 1; id <= 3; ++id) {
    REQUIRE(watcher->triggers.size() == id);
    scheduler.Answer(*watcher, id);
  }
  REQUIRE(watcher->triggers.size() == 3);
  scheduler.Advance(absl::Minutes(30));
  REQUIRE(watcher->triggers.size() == 4);
}

TEST_CASE("a jump back fires no tick twice, and none before its time shows again") {
  Stepped scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("tick", {.schedule = "@every 10m"}).ok());
  REQUIRE(scheduler.Schedule("once", {.due_time = "10m"}).ok());
  scheduler.Advance(absl::Minutes(10));
  REQUIRE(watcher->triggers.size() == 2);
  scheduler.SetClock(-absl::Minutes(5));
  scheduler.Answer(*watcher, 1);
  scheduler.Answer(*watcher, 2);
  // The tick of minute 10 is settled: that it is minute 10 again changes nothing.
  scheduler.Advance(absl::Minutes(15) - absl::Nanoseconds(1));
  REQUIRE(watcher->triggers.size() == 2);
  scheduler.Advance(absl::Nanoseconds(1));
  REQUIRE(Names(*watcher).back() == "tick");
  REQUIRE(watcher->triggers.size() == 3);
}

TEST_CASE("every setting of the clock is told once, with its size") {
  Stepped scheduler;
  scheduler.Advance(absl::Hours(1));
  REQUIRE(scheduler.clock_steps.empty());
  scheduler.SetClock(absl::Seconds(90));
  scheduler.SetClock(-absl::Hours(2));
  scheduler.SetClock(absl::Milliseconds(1));  // as a slow correction does
  REQUIRE(scheduler.clock_steps == std::vector<absl::Duration>{absl::Seconds(90), -absl::Hours(2)});
}

}  // namespace
}  // namespace belfry
