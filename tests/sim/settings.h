#pragma once

// Settings: what a run is like. Everything but the command line's part is drawn from the seed, each
// thing for itself, so that every run is lopsided in its own way: one has no crashes at all,
// another hardly anything else.

#include <cstdint>
#include <string>

#include "tests/support/random.h"

namespace belfry::sim {

struct Settings {
  // From the command line.
  uint64_t seed = 1;
  int steps = 300;
  bool rocksdb = false;
  bool trace = false;

  // Population.
  int groups = 0;
  int names = 0;  // of each kind in each group
  int watchers_max = 0;
  int more_groups = 0;  // chance in a thousand that a watcher receives one more group
  bool keyed = false;   // jobs may have concurrency keys
  int limits = 0;       // chance in a thousand that a watcher declares one more limit
  int limit_value = 0;  // of all limits; 0: each has its own

  // What the scheduler's threads do between two steps, at most.
  int activity = 0;

  // Weights of what happens next.
  int schedule = 0;
  int remove = 0;
  int remove_area = 0;
  int read = 0;
  int watch = 0;
  int answer = 0;
  int pass_time = 0;
  int set_clock = 0;
  int stall = 0;
  int rest = 0;
  int stop = 0;

  // Chances in a thousand.
  int interleave = 0;  // at each call of the store: another thread has its turn
  int end = 0;         // at each point where the process can end: it does
  int read_late = 0;   // when a reader could begin: it does not yet
  int hold_scan = 0;   // when a reader's result could reach the loop: it stays on its way;
  int hold_load = 0;   // stretches of the index and purges; loaded jobs

  int drift_ppm = 0;
};

// Draws the rest of the settings, and the limits of the core (scheduler/base/limits.h), which are
// variables here.
void Draw(Random& random, Settings* settings);

// All of it in one line.
std::string ToString(const Settings& settings);

}  // namespace belfry::sim
