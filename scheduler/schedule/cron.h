#pragma once

// Cron expressions in a time zone: wall clock times turned into instants.

#include <optional>

#include "absl/time/time.h"
#include "scheduler/schedule/cron_fields.h"
#include "scheduler/schedule/schedule.h"

namespace belfry {

// How many calendar years a search looks ahead, counted from the one it starts in. The longest wait
// for a day that matches is eight years, but zones have skipped one time of one date for longer:
// Asia/Baghdad for 17 years in a row, Africa/Cairo for 23.
inline constexpr int kCronSearchYears = 32;

// One call of Next takes at most one turn for each change of the zone's offset within those years,
// and one more. No zone of the database comes near this number of turns.
inline constexpr int kMaxCronSearchTurns = 500;

// An instant is a tick when the zone's wall clock shows a matching time at it. So a time that a
// zone skips is not made up for, one that it shows twice ticks twice, and "every hour" is every
// hour that passes. Thread safety: const methods may be called from any thread.
class CronRule final : public Schedule::Rule {
 public:
  CronRule(const CronFields& fields, absl::TimeZone zone) : fields_(fields), zone_(zone) {}

  // In whole seconds.
  std::optional<absl::Time> Next(absl::Time after) const override;

 private:
  const CronFields fields_;
  const absl::TimeZone zone_;
};

}  // namespace belfry
