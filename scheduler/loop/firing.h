#pragma once

// Firing: whether the loop turns and fires; health is derived from it.

#include "absl/time/time.h"

namespace belfry {

struct Firing {
  // Monotonic time since the loop last finished a turn.
  absl::Duration since_turn;
  // For how long jobs could have been fired, and nothing went on; zero if all is well. Jobs that
  // wait for a watcher, for room or for a slot are not meant, nor those behind others.
  absl::Duration stuck;
  // How late the oldest job is that can be started now; zero if there is none.
  absl::Duration backlog;
};

}  // namespace belfry
