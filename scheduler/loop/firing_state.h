#pragma once

// FiringState: the loop's part of Firing: what it notes turn by turn, for others to read.
// Thread safety: Read may be called from any thread; the rest belongs to the loop.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/engine/engine.h"
#include "scheduler/loop/firing.h"

namespace belfry {

class FiringState {
 public:
  // `clock` is borrowed.
  explicit FiringState(Clock* clock) : clock_(clock) { NoteTurn(); }

  // The loop has finished a turn.
  void NoteTurn() { last_turn_ns_ = absl::ToInt64Nanoseconds(clock_->Monotonic()); }

  // A turn has decided, at this time. `held`: its batch could not be written yet, so that nothing
  // of it is carried out.
  void NoteDecisions(const Engine& engine, absl::Time now, absl::Duration monotonic, bool held) {
    const std::optional<absl::Time> oldest = engine.NextDue();
    std::optional<absl::Duration> stuck = engine.StuckSince();
    if (!held) {
      held_since_.reset();
    } else {
      if (!held_since_.has_value()) held_since_ = monotonic;
      const bool due = engine.HasReady() || (oldest.has_value() && *oldest <= now);
      if (due) stuck = std::min(stuck.value_or(*held_since_), *held_since_);
    }
    stuck_since_ns_ = stuck.has_value() ? absl::ToInt64Nanoseconds(*stuck) : kNever;
    oldest_due_ns_ = oldest.has_value() ? absl::ToUnixNanos(*oldest) : kNever;
  }

  Firing Read() const {
    const absl::Duration now = clock_->Monotonic();
    const int64_t stuck = stuck_since_ns_.load();
    const int64_t oldest = oldest_due_ns_.load();
    Firing firing{now - absl::Nanoseconds(last_turn_ns_.load()), {}, {}};
    if (stuck != kNever) firing.stuck = now - absl::Nanoseconds(stuck);
    if (oldest != kNever) {
      firing.backlog = std::max(clock_->Now() - absl::FromUnixNanos(oldest), absl::ZeroDuration());
    }
    return firing;
  }

 private:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  Clock* const clock_;
  // The loop's own: since when the store takes no batch.
  std::optional<absl::Duration> held_since_;

  std::atomic<int64_t> last_turn_ns_{0};
  std::atomic<int64_t> stuck_since_ns_{kNever};  // monotonic
  std::atomic<int64_t> oldest_due_ns_{kNever};   // wall clock
};

}  // namespace belfry
