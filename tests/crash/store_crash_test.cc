// Every call that the store makes of the file system, as the one that fails, or before which the
// power fails: what was acknowledged is there afterwards, and nothing is half there.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "spdlog/spdlog.h"
#include "tests/crash/crash_world.h"
#include "tests/crash/settings.h"

namespace belfry {
namespace {

using Failure = PowerLossFileSystem::Failure;

// Enough for several logs, flushes and a compaction.
constexpr int kRounds = 60;
// What a store has behind it that is not new.
constexpr int kEarlierRounds = 15;
// More calls than one life makes.
constexpr uint64_t kCallsMax = 100000;

// The store says a lot about its end, all of it expected.
class Quiet {
 public:
  Quiet() { spdlog::set_level(spdlog::level::off); }
  ~Quiet() { spdlog::set_level(spdlog::level::info); }
};

std::string Joined(const std::vector<std::string>& findings) {
  std::string text;
  for (const std::string& finding : findings) text += "\n  " + finding;
  return text;
}

// Whether call `number` was reached.
bool RunOnce(uint64_t number, Failure failure, bool is_new) {
  CrashWorld world(crash::Seed() + number);
  if (!is_new) {
    world.Live(kEarlierRounds);
    world.Crash(/*power_lost=*/false);
  }
  world.files().FailCall(number, failure);
  world.Live(kRounds);
  const bool is_reached = world.files().call_count() >= number;
  // A process whose call has failed ends; power may or may not fail then too.
  world.Crash(failure == Failure::kFreeze || number % 2 == 0);
  const std::vector<std::string> findings = world.Check();
  INFO("BELFRY_TEST_SEED=" << crash::Seed() << " call " << number << Joined(findings));
  REQUIRE(findings.empty());
  if (!is_reached) CHECK(world.acknowledged_count() > kRounds);
  return is_reached;
}

void Sweep(Failure failure, bool is_new) {
  const Quiet quiet;
  const uint64_t stride = crash::SweepStride();
  uint64_t number = 1 + crash::Seed() % stride;
  int runs = 0;
  while (RunOnce(number, failure, is_new)) {
    number += stride;
    ++runs;
    REQUIRE(number < kCallsMax);
  }
  std::cout << runs << " of " << number << " calls failed" << std::endl;
  CHECK(runs > 5);
}

TEST_CASE("the power fails before any call of a new store") { Sweep(Failure::kFreeze, true); }
TEST_CASE("the power fails before any call of an old store") { Sweep(Failure::kFreeze, false); }
TEST_CASE("any call of a new store fails") { Sweep(Failure::kError, true); }
TEST_CASE("any call of an old store fails") { Sweep(Failure::kError, false); }

TEST_CASE("crash after crash adds up to nothing") {
  const Quiet quiet;
  CrashWorld world(crash::Seed());
  for (uint64_t life = 0; life < 10; ++life) {
    world.files().FailCall(20 + 30 * life, life % 2 == 0 ? Failure::kFreeze : Failure::kError);
    world.Live(kRounds);
    world.Crash(life % 3 != 0);
    const std::vector<std::string> findings = world.Check();
    INFO("BELFRY_TEST_SEED=" << crash::Seed() << " life " << life << Joined(findings));
    REQUIRE(findings.empty());
  }
}

// The checker itself: acknowledged changes are taken away, before any of them is in a table file.
TEST_CASE("what a log lacks is found") {
  const Quiet quiet;
  constexpr int kFewRounds = 3;
  CrashWorld world(/*seed=*/1);
  world.Live(kFewRounds);
  world.Crash(false);
  REQUIRE(world.acknowledged_count() > 0);
  for (const auto& entry : std::filesystem::directory_iterator(world.data_dir())) {
    if (entry.path().extension() == ".log") std::filesystem::resize_file(entry.path(), 0);
  }
  REQUIRE_FALSE(world.Check().empty());
}

}  // namespace
}  // namespace belfry
