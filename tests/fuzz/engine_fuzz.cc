// Sequences of events: a run of the simulator in which every choice is taken from the input instead
// of from a seed. What happens next, how large the limits are, which fault comes when: all of that
// the fuzzer can learn. The simulator's oracle judges, and the engine checks its own invariants.

#include <cstdint>
#include <string_view>

#include "scheduler/base/check.h"
#include "spdlog/spdlog.h"
#include "tests/sim/world.h"

namespace {

// Short runs are found faster, and shrink better.
constexpr int kSteps = 30;
// Where the input ends, chance begins.
constexpr uint64_t kSeed = 1;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace belfry::sim;
  spdlog::set_level(spdlog::level::off);
  Settings settings;
  settings.seed = kSeed;
  settings.steps = kSteps;
  belfry::Random random(kSeed, size == 0
                                   ? std::string_view()
                                   : std::string_view(reinterpret_cast<const char*>(data), size));
  Draw(random, &settings);
  Journal journal(/*print=*/false);
  World world(settings, random, std::make_unique<MemoryDisk>(), /*check_engine=*/true, &journal);
  world.Run();
  CHECK(!journal.failed()) << journal.failure();
  return 0;
}
