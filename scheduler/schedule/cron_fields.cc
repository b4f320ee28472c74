#include "scheduler/schedule/cron_fields.h"

#include <bit>

#include "scheduler/base/check.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/schedule/cron_field.h"

namespace belfry {
namespace {

constexpr uint64_t kDaysOfLongestMonth = 0xfffffffe;  // bits 1..31

// Bits 1..n.
uint64_t FirstDays(int n) { return kDaysOfLongestMonth & ((uint64_t{1} << (n + 1)) - 1); }

// The smallest value in `set` that is at least `from`; nullopt if there is none.
std::optional<int> NextIn(uint64_t set, int from) {
  const uint64_t rest = set >> from << from;
  if (rest == 0) return std::nullopt;
  return std::countr_zero(rest);
}

bool Contains(uint64_t set, int value) { return (set >> value & 1) != 0; }

int First(uint64_t set) { return std::countr_zero(set); }

// The days 1..31 of a month that begins on `first_weekday` (0 is Sunday) that fall on one of
// `weekdays`.
uint64_t DaysOnWeekdays(uint64_t weekdays, int first_weekday) {
  uint64_t days = 0;
  for (int day = 1; day <= 7; ++day) {
    if (Contains(weekdays, (first_weekday + day - 1) % 7)) days |= uint64_t{1} << day;
  }
  days |= days << 7;
  days |= days << 14;
  days |= days << 7;  // days 29..31; what is set twice stays set
  return days & kDaysOfLongestMonth;
}

int LengthOf(absl::CivilMonth month) {
  return static_cast<int>(absl::CivilDay(month + 1) - absl::CivilDay(month));
}

int WeekdayNumber(absl::CivilDay day) {
  // absl counts from Monday.
  return (static_cast<int>(absl::GetWeekday(day)) + 1) % 7;
}

}  // namespace

absl::StatusOr<CronFields> CronFields::Parse(const std::vector<std::string_view>& parts) {
  CHECK(parts.size() == kCronFieldCount) << parts.size() << " fields";
  ASSIGN_OR_RETURN(const CronField seconds, ParseCronField(kSecondField, parts[0]));
  ASSIGN_OR_RETURN(const CronField minutes, ParseCronField(kMinuteField, parts[1]));
  ASSIGN_OR_RETURN(const CronField hours, ParseCronField(kHourField, parts[2]));
  ASSIGN_OR_RETURN(const CronField days, ParseCronField(kDayField, parts[3]));
  ASSIGN_OR_RETURN(const CronField months, ParseCronField(kMonthField, parts[4]));
  ASSIGN_OR_RETURN(const CronField weekdays, ParseCronField(kWeekdayField, parts[5]));

  CronFields fields;
  fields.seconds_ = seconds.values;
  fields.minutes_ = minutes.values;
  fields.hours_ = hours.values;
  fields.days_ = days.values;
  fields.months_ = months.values;
  fields.weekdays_ = weekdays.values;
  fields.days_unrestricted_ = days.unrestricted;
  fields.weekdays_unrestricted_ = weekdays.unrestricted;
  if (!fields.CanFire()) return absl::InvalidArgumentError("schedule never fires");
  return fields;
}

bool CronFields::CanFire() const {
  if (seconds_ == 0 || minutes_ == 0 || hours_ == 0) return false;
  constexpr absl::civil_year_t kLeapYear = 2000;
  bool by_date = false;
  for (int month = 1; month <= 12; ++month) {
    const uint64_t existing = FirstDays(LengthOf(absl::CivilMonth(kLeapYear, month)));
    by_date = by_date || (Contains(months_, month) && (days_ & existing) != 0);
  }
  const bool by_weekday = weekdays_ != 0 && months_ != 0;
  // An unrestricted field holds every value, so the two cannot exclude each other.
  return BothMustMatch() ? by_date && by_weekday : by_date || by_weekday;
}

uint64_t CronFields::MatchingDays(absl::CivilDay first) const {
  const uint64_t on_weekdays = DaysOnWeekdays(weekdays_, WeekdayNumber(first));
  const uint64_t days = BothMustMatch() ? days_ & on_weekdays : days_ | on_weekdays;
  return days & FirstDays(LengthOf(absl::CivilMonth(first)));
}

std::optional<absl::CivilDay> CronFields::NextDay(absl::CivilDay from,
                                                  absl::civil_year_t last_year) const {
  absl::CivilMonth month(from);
  int first_day = from.day();
  while (month.year() <= last_year) {
    if (Contains(months_, month.month())) {
      const absl::CivilDay first(month);
      if (const auto day = NextIn(MatchingDays(first), first_day)) return first + (*day - 1);
    }
    ++month;
    first_day = 1;
  }
  return std::nullopt;
}

std::optional<absl::CivilSecond> CronFields::NextTimeOfDay(absl::CivilSecond from) const {
  const absl::CivilDay day(from);
  const auto at = [&day](int hour, int minute, int second) {
    return absl::CivilSecond(day.year(), day.month(), day.day(), hour, minute, second);
  };
  if (Contains(hours_, from.hour())) {
    if (Contains(minutes_, from.minute())) {
      if (const auto second = NextIn(seconds_, from.second())) {
        return at(from.hour(), from.minute(), *second);
      }
    }
    if (const auto minute = NextIn(minutes_, from.minute() + 1)) {
      return at(from.hour(), *minute, First(seconds_));
    }
  }
  if (const auto hour = NextIn(hours_, from.hour() + 1)) {
    return at(*hour, First(minutes_), First(seconds_));
  }
  return std::nullopt;
}

std::optional<absl::CivilSecond> CronFields::NextMatch(absl::CivilSecond from,
                                                       absl::civil_year_t last_year) const {
  const absl::CivilDay today(from);
  const auto day = NextDay(today, last_year);
  if (!day) return std::nullopt;
  if (*day > today) return NextTimeOfDay(absl::CivilSecond(*day));
  if (const auto match = NextTimeOfDay(from)) return match;
  const auto later_day = NextDay(today + 1, last_year);
  if (!later_day) return std::nullopt;
  return NextTimeOfDay(absl::CivilSecond(*later_day));
}

}  // namespace belfry
