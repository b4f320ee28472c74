#include "scheduler/schedule/cron.h"

#include <algorithm>
#include <cstdint>

#include "scheduler/schedule/time_range.h"

namespace belfry {
namespace {

// After this many seconds the calendar, with its days of the week, repeats: 400 years.
constexpr int64_t kCycleSeconds = int64_t{146'097} * 24 * 3'600;

// Long before any zone's listed changes end; see NextOffsetChange.
constexpr int64_t kListedUntil = 10'413'792'000;  // 2300-01-01T00:00:00Z

// The next change that the zone lists after `t`, in Unix seconds.
std::optional<int64_t> NextListedChange(absl::TimeZone zone, int64_t t) {
  const absl::Time time = absl::FromUnixSeconds(t);
  absl::TimeZone::CivilTransition transition;
  if (!zone.NextTransition(time, &transition)) return std::nullopt;
  // `from` is what the clock would have shown without the change, hence still in the old offset.
  return t + (transition.from - zone.At(time).cs);
}

int OffsetAt(absl::TimeZone zone, int64_t t) { return zone.At(absl::FromUnixSeconds(t)).offset; }

// The next instant after `t` at which the zone's offset may change; nullopt if it stays for ever.
std::optional<int64_t> NextOffsetChange(absl::TimeZone zone, int64_t t) {
  if (const auto change = NextListedChange(zone, t)) return change;
  // The library lists the changes of 400 years past the newest rule. Beyond, its offsets repeat in
  // cycles of 400 years, but it lists no changes: look for them some cycles earlier.
  for (int64_t shift = kCycleSeconds; t > kListedUntil && t - shift > kFirstUnixSecond;
       shift += kCycleSeconds) {
    const auto earlier = NextListedChange(zone, t - shift);
    if (!earlier) continue;
    const int64_t change = *earlier + shift;
    // A change of the past that no rule repeats leaves no trace in the offsets.
    if (OffsetAt(zone, change - 1) == OffsetAt(zone, change)) return std::nullopt;
    return change;
  }
  return std::nullopt;
}

}  // namespace

std::optional<absl::Time> CronRule::Next(absl::Time after) const {
  if (after >= absl::FromUnixSeconds(kEndUnixSecond)) return std::nullopt;
  // ToUnixSeconds rounds down, also before 1970.
  int64_t t = std::max(absl::ToUnixSeconds(after) + 1, kFirstUnixSecond);
  const absl::civil_year_t last_year =
      zone_.At(absl::FromUnixSeconds(t)).cs.year() + kCronSearchYears;
  // Each turn searches up to the next change of the offset: within it, wall clock and instants run
  // side by side. There are a few changes in a year, so the years bound the turns.
  while (t < kEndUnixSecond) {
    const absl::CivilSecond local = zone_.At(absl::FromUnixSeconds(t)).cs;
    const auto match = fields_.NextMatch(local, last_year);
    if (!match) return std::nullopt;
    const int64_t tick = t + (*match - local);
    const auto change = NextOffsetChange(zone_, t);
    if (!change || tick < *change) {
      if (tick >= kEndUnixSecond) return std::nullopt;
      return absl::FromUnixSeconds(tick);
    }
    t = *change;
  }
  return std::nullopt;
}

}  // namespace belfry
