#include "tests/sim/settings.h"

#include "scheduler/base/limits.h"
#include "scheduler/engine/engine_state.h"
#include "spdlog/fmt/fmt.h"

namespace belfry::sim {
namespace {

// Small, often nothing, sometimes a lot.
int DrawWeight(Random& random, int most) { return random.OneIn(4) ? 0 : random.Between(1, most); }

size_t Size(Random& random, int low, int high) {
  return static_cast<size_t>(random.Between(low, high));
}

void DrawLimits(Random& random) {
  kScanEntries = Size(random, 1, random.OneIn(2) ? 2 : 8);
  kRefillBelow = Size(random, 1, static_cast<int>(kScanEntries));
  // Half of it, which is what is left after shrinking, must not ask for a refill at once.
  kMaxWindowEntries = 2 * (kScanEntries + kRefillBelow) + Size(random, 0, 6);
  kMaxTriggersPerTurn = Size(random, 1, 16);
  kMaxTriggersPerVisit = Size(random, 1, 4);
  kMaxLoading = Size(random, 1, 12);
  kLoadChunkJobs = Size(random, 1, 4);
  kMaxInFlightPerWatcher = Size(random, 1, 8);
  kMaxUnsentBytesPerWatcher = Size(random, 50, random.OneIn(2) ? 250 : 800);
  kMaxBackoffs = Size(random, 0, 6);
  kPurgeSlice = Size(random, 1, 4);
  kJobIdReserve = Size(random, 1, 20);
  kSettledPerMark = Size(random, 1, 12);
  kIdleGroupsPerTarget = Size(random, 0, 3);
  kMaxEventsPerTurn = Size(random, 1, 40);
  kMaxMailboxEvents = Size(random, 4, 100);
}

}  // namespace

void Draw(Random& random, Settings* settings) {
  DrawLimits(random);
  settings->groups = random.Between(1, 4);
  settings->names = random.Between(1, 10);
  settings->watchers_max = random.Between(1, 8);
  settings->more_groups = random.OneIn(3) ? 0 : random.Between(100, 800);
  settings->keyed = random.OneIn(2);
  settings->limits = random.OneIn(2) ? 0 : random.Between(100, 800);
  settings->limit_value = random.Below(4);
  settings->activity = random.Between(2, 20);
  settings->schedule = random.Between(1, 12);
  settings->remove = DrawWeight(random, 6);
  settings->remove_area = DrawWeight(random, 4);
  settings->read = DrawWeight(random, 6);
  settings->watch = random.Between(1, 4);
  settings->answer = random.Between(2, 12);
  settings->pass_time = random.Between(2, 8);
  settings->set_clock = DrawWeight(random, 2);
  settings->stall = DrawWeight(random, 2);
  settings->rest = random.OneIn(3) ? 0 : random.Between(1, 6);
  settings->stop = random.OneIn(2) ? 0 : 1;
  settings->interleave = random.OneIn(3) ? 0 : random.Between(1, 300);
  static const std::vector<int> kEnds = {0, 0, 1, 1, 2, 4, 12};
  settings->end = random.Pick(kEnds);
  settings->read_late = random.OneIn(2) ? 0 : random.Between(100, 950);
  settings->hold_scan = random.OneIn(3) ? 0 : random.Between(100, 990);
  settings->hold_load = random.OneIn(3) ? 0 : random.Between(100, 950);
  settings->drift_ppm = random.OneIn(2) ? 0 : random.Between(-50000, 50000);
}

std::string ToString(const Settings& s) {
  return fmt::format(
      "store={} steps={} groups={} names={} watchers={} more_groups={} keyed={} limits={} "
      "limit_value={} activity={} schedule={} remove={} "
      "remove_area={} read={} "
      "watch={} answer={} pass_time={} set_clock={} stall={} rest={} stop={} interleave={} end={} "
      "hold_scan={} hold_load={} drift_ppm={} scan={} refill_below={} window={} "
      "triggers_per_turn={} "
      "triggers_per_visit={} loading={} load_chunk={} in_flight={} unsent_bytes={} backoffs={} "
      "purge_slice={} read_late={} id_reserve={} settled_per_mark={} events_per_turn={} mailbox={} "
      "idle_groups={}",
      s.rocksdb ? "rocksdb" : "memory", s.steps, s.groups, s.names, s.watchers_max, s.more_groups,
      s.keyed, s.limits, s.limit_value, s.activity, s.schedule, s.remove, s.remove_area, s.read,
      s.watch, s.answer, s.pass_time, s.set_clock, s.stall, s.rest, s.stop, s.interleave, s.end,
      s.hold_scan, s.hold_load, s.drift_ppm, kScanEntries, kRefillBelow, kMaxWindowEntries,
      kMaxTriggersPerTurn, kMaxTriggersPerVisit, kMaxLoading, kLoadChunkJobs,
      kMaxInFlightPerWatcher, kMaxUnsentBytesPerWatcher, kMaxBackoffs, kPurgeSlice, s.read_late,
      kJobIdReserve, kSettledPerMark, kMaxEventsPerTurn, kMaxMailboxEvents, kIdleGroupsPerTarget);
}

}  // namespace belfry::sim
