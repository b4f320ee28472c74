// Schedule::Next against a matcher that looks at every moment of a window: each result is strictly
// later, no match is skipped, nothing else is returned.

#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <optional>

#include "scheduler/schedule/rfc3339.h"
#include "scheduler/schedule/schedule.h"
#include "tests/property/local_time.h"
#include "tests/property/plain_cron.h"
#include "tests/property/settings.h"

namespace belfry {
namespace {

constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 3'600;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kBegin = 0;                   // 1970-01-01
constexpr int64_t kEndOfLists = 2'145'916'800;  // 2038-01-01: up to here zones list their changes
constexpr int64_t kEnd = 4'102'444'800;         // 2100-01-01

// Ticks of a window that are followed one by one; the rest is probed.
constexpr size_t kChainLength = 24;
constexpr int kProbes = 4;

std::string Show(int64_t unix_seconds) {
  return FormatRfc3339(absl::FromUnixSeconds(unix_seconds));
}

std::string Show(const std::optional<absl::Time>& time) {
  return time ? FormatRfc3339(*time) : "none";
}

// What the zone's clock shows from `begin` on, every `step` seconds.
struct Moment {
  int64_t unix_seconds = 0;
  LocalTime local;
  int weekday = 0;
};

struct Window {
  std::vector<Moment> moments;
  int64_t begin = 0;
  int64_t end = 0;  // one second after the last moment whose tick a spec of this window can have
};

Window Look(const WallClock& clock, int64_t begin, int64_t end, int64_t step) {
  Window window{.moments = {}, .begin = begin, .end = begin};
  window.moments.reserve(static_cast<size_t>((end - begin) / step + 1));
  for (int64_t t = begin; t < end; t += step) {
    const LocalTime local = clock.At(t);
    window.moments.push_back({t, local, WeekdayOf(local.year, local.month, local.day)});
    window.end = t + 1;
  }
  return window;
}

std::vector<int64_t> MatchesIn(const Window& window, const PlainCron& cron) {
  std::vector<int64_t> matches;
  for (const Moment& moment : window.moments) {
    if (cron.Matches(moment.local, moment.weekday)) matches.push_back(moment.unix_seconds);
  }
  return matches;
}

// Compares one result. `expected` is nullopt when the window has no later match.
bool Agrees(const Schedule& schedule, const Window& window, absl::Time after,
            std::optional<int64_t> expected) {
  const std::optional<absl::Time> next = schedule.Next(after);
  const bool good = expected ? next == absl::FromUnixSeconds(*expected)
                             : !next || *next >= absl::FromUnixSeconds(window.end);
  if (good && (!next || *next > after)) return true;
  UNSCOPED_INFO("after " << FormatRfc3339(after) << " the next is " << Show(next) << ", not "
                         << (expected ? Show(*expected) : "past " + Show(window.end)));
  return false;
}

bool AgreesInWindow(const Schedule& schedule, const Window& window,
                    const std::vector<int64_t>& matches, Random* random) {
  const auto first_after = [&matches](absl::Time after) -> std::optional<int64_t> {
    const auto it = std::upper_bound(matches.begin(), matches.end(), absl::ToUnixSeconds(after));
    return it == matches.end() ? std::nullopt : std::optional(*it);
  };
  absl::Time after = absl::FromUnixSeconds(window.begin) - absl::Nanoseconds(1);
  for (size_t i = 0; i < kChainLength; ++i) {
    const auto expected = i < matches.size() ? std::optional(matches[i]) : std::nullopt;
    if (!Agrees(schedule, window, after, expected)) return false;
    if (!expected) break;
    after = absl::FromUnixSeconds(*expected);
  }
  for (int i = 0; i < kProbes; ++i) {
    int64_t second = random->Between(window.begin, window.end - 1);
    if (!matches.empty() && random->OneIn(3)) second = matches[random->Below(matches.size())];
    absl::Time from = absl::FromUnixSeconds(second);
    if (random->OneIn(2)) from += absl::Nanoseconds(random->Between(0, 999'999'999));
    if (!Agrees(schedule, window, from, first_after(from))) return false;
  }
  return true;
}

void CheckWindow(const WallClock& clock, const Window& window, const PlainCron& cron,
                 Random* random) {
  const std::string text = cron.Text(clock.name());
  const auto schedule = Schedule::Parse(text);
  if (!schedule.ok()) {
    // A random field may leave no day; never_fires_property_test.cc looks at that.
    INFO(text << ": " << std::string(schedule.status().message()));
    REQUIRE(schedule.status().message().find("never fires") != absl::string_view::npos);
    REQUIRE(MatchesIn(window, cron).empty());
    return;
  }
  INFO("seed " << Settings().seed << ": " << text << " from " << Show(window.begin));
  const bool good = AgreesInWindow(*schedule, window, MatchesIn(window, cron), random);
  REQUIRE(good);
}

// Whether all offsets of the window are whole multiples of `unit` seconds.
bool OffsetsAreMultiples(const WallClock& clock, const std::vector<int64_t>& instants,
                         int64_t unit) {
  return std::all_of(instants.begin(), instants.end(),
                     [&clock, unit](int64_t t) { return clock.OffsetAt(t) % unit == 0; });
}

// A moment within two hours of the change, or a time that the change skips: the old offset goes on.
LocalTime Target(const WallClock& clock, int64_t change, Random* random) {
  const int64_t t = change + random->Between(-2 * kHour, 2 * kHour) / kMinute * kMinute;
  if (random->OneIn(2)) return clock.At(t);
  LocalTime local = WallClock("UTC").At(t + clock.OffsetAt(change - 1));
  return local;
}

// Every minute of the days around a change; the seconds of all ticks are the same.
void CheckMinutesAround(const WallClock& clock, int64_t change, int specs, Random* random) {
  constexpr int64_t kReach = 26 * kHour;  // some changes are of a whole day
  const int64_t begin = change - kReach - change % kMinute;
  if (!OffsetsAreMultiples(clock, {begin, change - 1, change, change + kReach}, kMinute)) return;
  const Window window = Look(clock, begin, change + kReach, kMinute);
  CronMaker maker(random);
  for (int i = 0; i < specs; ++i) {
    LocalTime target = Target(clock, change - change % kMinute, random);
    target.second = 0;
    CheckWindow(clock, window, maker.Near(target, /*seconds=*/false), random);
  }
}

void CheckSecondsAround(const WallClock& clock, int64_t change, int specs, Random* random) {
  const Window window = Look(clock, change - kHour, change + kHour, 1);
  CronMaker maker(random);
  for (int i = 0; i < specs; ++i) {
    CheckWindow(clock, window, maker.Near(Target(clock, change, random), /*seconds=*/true), random);
  }
}

// Some of the changes; all of them if there are not more than `count`.
std::vector<int64_t> Sample(std::vector<int64_t> changes, size_t count, Random* random) {
  while (changes.size() > count) {
    changes.erase(changes.begin() + static_cast<std::ptrdiff_t>(random->Below(changes.size())));
  }
  return changes;
}

TEST_CASE("property: minutes around every change of every zone, 1970 to 2037") {
  size_t seen = 0;
  for (const std::string& name : ZoneNames()) {
    const WallClock clock(name);
    Random random("minutes " + name);
    for (const int64_t change : clock.Changes(kBegin, kEndOfLists)) {
      CheckMinutesAround(clock, change, 2 * Settings().scale, &random);
      ++seen;
    }
  }
  std::cout << seen << " changes\n";
  if (Settings().zone.empty()) CHECK(seen > 10'000);
}

TEST_CASE("property: minutes around changes of every zone, 2038 to 2100") {
  size_t seen = 0;
  for (const std::string& name : ZoneNames()) {
    const WallClock clock(name);
    Random random("later minutes " + name);
    const int64_t begin = random.Between(kEndOfLists, kEnd - 5 * 365 * kDay);
    const auto changes = clock.Changes(begin, begin + 5 * 365 * kDay);
    for (const int64_t change : Sample(changes, 3, &random)) {
      CheckMinutesAround(clock, change, 2 * Settings().scale, &random);
      ++seen;
    }
  }
  std::cout << seen << " changes\n";
  if (Settings().zone.empty()) CHECK(seen > 200);
}

TEST_CASE("property: seconds around changes of every zone, 1970 to 2037") {
  size_t seen = 0;
  for (const std::string& name : ZoneNames()) {
    const WallClock clock(name);
    Random random("seconds " + name);
    const auto changes = clock.Changes(kBegin, kEndOfLists);
    for (const int64_t change : Sample(changes, 2, &random)) {
      CheckSecondsAround(clock, change, 3 * Settings().scale, &random);
      ++seen;
    }
    // Offsets that are no whole minutes.
    for (const int64_t change : changes) {
      if (OffsetsAreMultiples(clock, {change - 1, change}, kMinute)) continue;
      CheckSecondsAround(clock, change, 3 * Settings().scale, &random);
      ++seen;
    }
  }
  std::cout << seen << " changes\n";
  if (Settings().zone.empty()) CHECK(seen > 500);
}

TEST_CASE("property: a year of quarter hours in every zone, 1970 to 2100") {
  constexpr int64_t kQuarter = 15 * kMinute;
  size_t seen = 0;
  for (const std::string& name : ZoneNames()) {
    const WallClock clock(name);
    Random random("years " + name);
    for (int i = 0; i < Settings().scale; ++i) {
      const int64_t begin = random.Between(kBegin, kEnd - 366 * kDay) / kDay * kDay;
      const Window window = Look(clock, begin, begin + 366 * kDay, kQuarter);
      std::vector<int64_t> days;
      for (int64_t t = begin; t < window.end; t += kDay) days.push_back(t);
      if (!OffsetsAreMultiples(clock, days, kQuarter)) continue;
      CronMaker maker(&random);
      for (int spec = 0; spec < 3; ++spec) {
        CheckWindow(clock, window, maker.SparseQuarters(), &random);
      }
      ++seen;
    }
  }
  std::cout << seen << " years\n";
  if (Settings().zone.empty()) CHECK(seen > 300);
}

TEST_CASE("property: any expression, an hour of seconds somewhere") {
  const auto names = ZoneNames();
  Random random("any");
  for (int i = 0; i < 400 * Settings().scale; ++i) {
    const WallClock clock(names[random.Below(names.size())]);
    const int64_t begin = random.Between(kBegin, kEnd);
    const Window window = Look(clock, begin, begin + kHour, 1);
    CronMaker maker(&random);
    for (int spec = 0; spec < 4; ++spec) CheckWindow(clock, window, maker.Any(), &random);
  }
}

// The instants at which the clock shows this date and time, in `years` years from the one of
// `local` on, after `after`. Tries each offset that the zone ever has.
std::vector<int64_t> InstantsOf(const WallClock& clock, const std::vector<int>& offsets,
                                LocalTime local, int years, int64_t after) {
  std::vector<int64_t> instants;
  const int64_t first_year = local.year;
  for (; local.year < first_year + years; ++local.year) {
    if (local.day > DaysInMonth(local.year, local.month)) continue;
    for (const int offset : offsets) {
      const int64_t t = UnixSecondsOf(local) - offset;
      if (t > after && clock.At(t) == local) instants.push_back(t);
    }
  }
  std::sort(instants.begin(), instants.end());
  return instants;
}

// Some zones skip the same time of the same date for many years in a row.
TEST_CASE("property: one time of one date is found past all the years that skip it") {
  constexpr int kYears = 40;
  constexpr size_t kTicks = 3;
  size_t seen = 0;
  for (const std::string& name : ZoneNames()) {
    const WallClock clock(name);
    const auto changes = clock.Changes(kBegin, kEndOfLists);
    std::vector<int> offsets;
    for (int64_t t = kBegin; t < kEnd; t += 30 * kDay) offsets.push_back(clock.OffsetAt(t));
    for (const int64_t change : changes) offsets.push_back(clock.OffsetAt(change));
    std::sort(offsets.begin(), offsets.end());
    offsets.erase(std::unique(offsets.begin(), offsets.end()), offsets.end());

    Random random("once a year " + name);
    for (const int64_t change : changes) {
      // Half an hour into the hour that is skipped or repeated, by the clock as it was before.
      LocalTime local = WallClock("UTC").At(change + clock.OffsetAt(change - 1) +
                                            random.Between(0, 30) * kMinute);
      const int64_t begin = change - 330 * kDay;
      const PlainCron cron = OnceAYear(local);
      --local.year;
      const auto expected = InstantsOf(clock, offsets, local, kYears, begin);
      const auto schedule = Schedule::Parse(cron.Text(name));
      REQUIRE(schedule.ok());
      INFO(cron.Text(name) << " from " << Show(begin));
      std::optional<absl::Time> tick = absl::FromUnixSeconds(begin);
      for (size_t i = 0; i < std::min(kTicks, expected.size()); ++i) {
        tick = schedule->Next(*tick);
        if (tick == absl::FromUnixSeconds(expected[i])) continue;
        CHECK(Show(tick) == Show(expected[i]));
        break;
      }
      ++seen;
    }
  }
  std::cout << seen << " changes\n";
}

TEST_CASE("property: a zone's other names are the same zone") {
  const PlainCron cron = OnceAYear({.year = 2024, .month = 3, .day = 31, .hour = 2, .minute = 30});
  const auto links = ZoneLinks();
  for (const auto& [link, target] : links) {
    INFO(link << " is " << target);
    const auto by_link = Schedule::Parse(cron.Text(link));
    const auto by_target = Schedule::Parse(cron.Text(target));
    REQUIRE(by_link.ok());
    REQUIRE(by_target.ok());
    absl::Time after = absl::UnixEpoch();
    for (int year = 1970; year < 2100; year += 10) {
      CHECK(Show(by_link->Next(after)) == Show(by_target->Next(after)));
      after += absl::Hours(24 * 3'652);
    }
  }
}

}  // namespace
}  // namespace belfry
