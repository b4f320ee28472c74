#pragma once

// Where time comes from. Only SystemClock reads a clock; everything else takes time as an argument
// or asks a Clock that a test can replace.

#include "absl/time/time.h"

namespace belfry {

// Thread safety: all methods may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall clock time: what schedules and due times are compared with. May step in either direction.
  virtual absl::Time Now() = 0;

  // Time since an arbitrary start; never runs backwards. For intervals and waits.
  virtual absl::Duration Monotonic() = 0;
};

// The machine's clocks.
class SystemClock final : public Clock {
 public:
  absl::Time Now() override;
  absl::Duration Monotonic() override;
};

}  // namespace belfry
