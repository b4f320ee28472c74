// belfry-sim: runs the scheduler's core in a simulated world. See docs/testing.md.

#include <csignal>
#include <cstdlib>
#include <string>

#include "CLI/CLI.hpp"
#include "spdlog/spdlog.h"
#include "tests/sim/planted.h"
#include "tests/sim/rocksdb_disk.h"
#include "tests/sim/world.h"

namespace belfry::sim {
namespace {

struct Flags {
  uint64_t seed = 1;
  uint64_t seeds = 1;
  int steps = 300;
  std::string store = "memory";
  std::string plant;
  bool trace = false;
};

// What to say should the process die of a failed CHECK.
uint64_t g_seed = 0;
bool g_abort_is_good = false;

void OnAbort(int) {
  fmt::print("seed {}: the core found a bug by itself\n", g_seed);
  std::fflush(stdout);
  if (g_abort_is_good) std::_Exit(0);
}

std::unique_ptr<Disk> MakeDisk(const Settings& settings) {
  if (settings.rocksdb) return std::make_unique<RocksDbDisk>(settings.seed);
  return std::make_unique<MemoryDisk>();
}

// One run; returns what went wrong, or nothing.
std::string RunSeed(const Flags& flags, uint64_t seed, bool verbose) {
  g_seed = seed;
  Settings settings;
  settings.seed = seed;
  settings.steps = flags.steps;
  settings.rocksdb = flags.store == "rocksdb";
  settings.trace = flags.trace;
  Random random(seed);
  Draw(random, &settings);
  if (verbose) {
    fmt::print("seed={} {}\n", seed, ToString(settings));
    std::fflush(stdout);
  }
  Journal journal(flags.trace);
  World world(settings, random, MakeDisk(settings), /*check_engine=*/flags.plant.empty(), &journal);
  world.Run();
  if (verbose) {
    fmt::print("seed={} triggers={} restarts={} digest={:016x}\n", seed, world.sends(),
               world.ends(), journal.digest());
  }
  return journal.failure();
}

// Whether the planted bug was woven in; says so if not.
bool FindPlant(const std::string& name) {
  for (const Plant& plant : Plants()) {
    if (plant.name != name) continue;
    if (plant.is_woven) return true;
    fmt::print("the place of plant {} has changed: adapt it in tests/sim/plants.py\n", name);
    return false;
  }
  fmt::print("there is no such plant; known are:\n");
  for (const Plant& plant : Plants()) fmt::print("  {:26} {}\n", plant.name, plant.story);
  return false;
}

int Run(const Flags& flags) {
  const bool planted = !flags.plant.empty();
  if (planted && !FindPlant(flags.plant)) return 2;
  g_planted = flags.plant;
  g_abort_is_good = planted;
  for (uint64_t seed = flags.seed; seed < flags.seed + flags.seeds; ++seed) {
    const std::string failure = RunSeed(flags, seed, /*verbose=*/flags.seeds == 1);
    if (failure.empty()) continue;
    fmt::print("seed {} of store {}: {}\n", seed, flags.store, failure);
    if (planted) return 0;
    fmt::print("replay: belfry-sim --seed={} --steps={} --store={} --trace\n", seed, flags.steps,
               flags.store);
    return 1;
  }
  if (planted) {
    fmt::print("the planted bug was not found\n");
    return 1;
  }
  fmt::print("{} seeds from {}, store {}: all is well\n", flags.seeds, flags.seed, flags.store);
  return 0;
}

}  // namespace
}  // namespace belfry::sim

int main(int argc, char** argv) {
  using belfry::sim::Flags;
  Flags flags;
  CLI::App app("Runs the scheduler's core in a simulated world, where everything goes wrong");
  app.add_option("--seed", flags.seed, "seed of the first run")->capture_default_str();
  app.add_option("--seeds", flags.seeds, "number of runs")->capture_default_str();
  app.add_option("--steps", flags.steps, "steps of each run before faults end")
      ->capture_default_str();
  app.add_option("--store", flags.store, "memory or rocksdb")
      ->check(CLI::IsMember({"memory", "rocksdb"}))
      ->capture_default_str();
  app.add_option("--plant", flags.plant,
                 "switches a planted bug on and expects it to be found; a wrong name lists them");
  app.add_flag("--trace", flags.trace, "print all that happens");
  CLI11_PARSE(app, argc, argv);
  spdlog::set_level(flags.trace ? spdlog::level::debug : spdlog::level::off);
  std::signal(SIGABRT, belfry::sim::OnAbort);
  return belfry::sim::Run(flags);
}
