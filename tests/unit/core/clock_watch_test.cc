#include "scheduler/loop/clock_watch.h"

#include <catch2/catch.hpp>

#include "scheduler/base/limits.h"

namespace belfry {
namespace {

// Two clocks; reading them takes time.
struct Clocks {
  absl::Time wall = absl::FromUnixSeconds(1700000000);
  absl::Duration monotonic = absl::Seconds(5);
  ClockWatch watch = {};

  void Pass(absl::Duration duration) {
    wall += duration;
    monotonic += duration;
  }
  std::optional<absl::Duration> Read(absl::Duration takes = absl::ZeroDuration()) {
    const absl::Duration before = monotonic;
    Pass(takes / 2);
    const absl::Time now = wall;
    Pass(takes / 2);
    return watch.Note(before, now, monotonic);
  }
};

TEST_CASE("time that passes on both clocks is no step") {
  Clocks clocks;
  for (const int seconds : {0, 1, 3600, 100000}) {
    clocks.Pass(absl::Seconds(seconds));
    REQUIRE(clocks.Read() == std::nullopt);
  }
}

TEST_CASE("a clock that was set is noticed once, with its direction") {
  Clocks clocks;
  REQUIRE(clocks.Read() == std::nullopt);
  clocks.Pass(absl::Seconds(1));
  clocks.wall += absl::Hours(1);
  REQUIRE(clocks.Read() == absl::Hours(1));
  REQUIRE(clocks.Read() == std::nullopt);
  clocks.wall -= absl::Minutes(5);
  REQUIRE(clocks.Read() == -absl::Minutes(5));
  clocks.Pass(absl::Seconds(1));
  REQUIRE(clocks.Read() == std::nullopt);
}

TEST_CASE("a slow correction is no step, however far it goes") {
  Clocks clocks;
  for (int i = 0; i < 1000; ++i) {
    clocks.Pass(absl::Seconds(1));
    clocks.wall += kMinClockStep;
    REQUIRE(clocks.Read() == std::nullopt);
  }
}

// A thread that loses its processor between two readings must not blame the clock.
TEST_CASE("a pause between the readings is no step") {
  Clocks clocks;
  REQUIRE(clocks.Read() == std::nullopt);
  REQUIRE(clocks.Read(absl::Seconds(3)) == std::nullopt);
  REQUIRE(clocks.Read() == std::nullopt);
  // What the pause leaves open is not claimed.
  clocks.wall += absl::Seconds(10);
  const auto step = clocks.Read(absl::Seconds(2));
  REQUIRE(step == absl::Seconds(9));
}

}  // namespace
}  // namespace belfry
