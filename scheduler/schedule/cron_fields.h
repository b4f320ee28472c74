#pragma once

// The six fields of a cron expression as sets of numbers, and the search for the next wall clock
// time that is in all of them. Zones are none of its business: see cron.h.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"

namespace belfry {

inline constexpr size_t kCronFieldCount = 6;

// Immutable after parsing, so const methods may be called from any thread.
class CronFields {
 public:
  // Second, minute, hour, day of month, month, day of week. InvalidArgument names the field and the
  // value, e.g. "second 61 is out of range 0-59", or is "schedule never fires" when no day of any
  // year can match.
  // REQUIRES: parts.size() == kCronFieldCount.
  static absl::StatusOr<CronFields> Parse(const std::vector<std::string_view>& parts);

  // The first matching wall clock time at or after `from`, or nullopt if there is none up to the
  // end of `last_year`. Without an end, the longest wait is just under eight years (29 February
  // around 2100).
  std::optional<absl::CivilSecond> NextMatch(absl::CivilSecond from,
                                             absl::civil_year_t last_year) const;

 private:
  // Days of the month as bits 1..31 that match in the month that begins with `first`.
  uint64_t MatchingDays(absl::CivilDay first) const;

  std::optional<absl::CivilDay> NextDay(absl::CivilDay from, absl::civil_year_t last_year) const;

  // The first matching time of day at or after the one of `from`, on the same day.
  std::optional<absl::CivilSecond> NextTimeOfDay(absl::CivilSecond from) const;

  // When either field of the day is unrestricted ("*" or "?"), a day must be in both; otherwise it
  // is enough to be in one of them.
  bool BothMustMatch() const { return days_unrestricted_ || weekdays_unrestricted_; }

  // Whether any moment of any year can match.
  bool CanFire() const;

  // Bit n stands for the value n.
  uint64_t seconds_ = 0;
  uint64_t minutes_ = 0;
  uint64_t hours_ = 0;
  uint64_t days_ = 0;
  uint64_t months_ = 0;
  uint64_t weekdays_ = 0;  // 0 is Sunday
  bool days_unrestricted_ = false;
  bool weekdays_unrestricted_ = false;
};

}  // namespace belfry
