// A schedule is refused when no moment of any year can match it, and only then. Whether one can is
// found by looking at every day of 400 years, after which the calendar repeats.

#include <catch2/catch.hpp>
#include <iostream>
#include <optional>

#include "scheduler/schedule/cron.h"
#include "scheduler/schedule/rfc3339.h"
#include "scheduler/schedule/schedule.h"
#include "tests/property/local_time.h"
#include "tests/property/plain_cron.h"
#include "tests/property/settings.h"

namespace belfry {
namespace {

constexpr int64_t kFirstYear = 2001;
constexpr int64_t kLastYear = 2400;

// The longest time without a tick of a schedule that ticks at all, in UTC: from 29 February 2096 to
// that of 2104.
constexpr absl::Duration kLongestWait = absl::Hours(24 * (8 * 365 + 1));

bool HasDay(const PlainCron& cron) {
  for (int64_t year = kFirstYear; year <= kLastYear; ++year) {
    for (int month = 1; month <= 12; ++month) {
      for (int day = 1; day <= DaysInMonth(year, month); ++day) {
        if (cron.MatchesDay(year, month, day)) return true;
      }
    }
  }
  return false;
}

bool CanFire(const PlainCron& cron) {
  return cron.second.values.any() && cron.minute.values.any() && cron.hour.values.any() &&
         HasDay(cron);
}

TEST_CASE("property: what never fires is refused, and nothing else") {
  Random random("never fires");
  CronMaker maker(&random);
  const int trials = 4'000 * Settings().scale;
  int refused = 0;
  for (int i = 0; i < trials; ++i) {
    const PlainCron cron = maker.Doubtful();
    const std::string text = cron.Text();
    const auto schedule = Schedule::Parse(text);
    INFO("seed " << Settings().seed << ": " << text);
    REQUIRE(schedule.ok() == CanFire(cron));
    if (schedule.ok()) continue;
    ++refused;
    const std::string message(schedule.status().message());
    REQUIRE_THAT(message, Catch::EndsWith("schedule never fires"));
  }
  std::cout << refused << " of " << trials << " refused\n";
  // Both answers must have been common, or the trials say little.
  CHECK(refused > trials / 10);
  CHECK(refused < trials * 9 / 10);
}

TEST_CASE("property: what is accepted ticks within eight years, and on a day that matches") {
  constexpr int64_t kEnd = 4'102'444'800;  // 2100-01-01
  Random random("accepted");
  CronMaker maker(&random);
  const int trials = 20'000 * Settings().scale;
  int accepted = 0;
  for (int i = 0; i < trials; ++i) {
    const PlainCron cron = maker.Doubtful();
    const auto schedule = Schedule::Parse(cron.Text());
    if (!schedule.ok()) continue;
    ++accepted;
    const absl::Time after = absl::FromUnixSeconds(random.Between(0, kEnd));
    const auto next = schedule->Next(after);
    INFO("seed " << Settings().seed << ": " << cron.Text() << " after " << FormatRfc3339(after));
    REQUIRE(next.has_value());
    REQUIRE(*next > after);
    REQUIRE(*next - after <= kLongestWait);
    const LocalTime local = WallClock("UTC").At(absl::ToUnixSeconds(*next));
    REQUIRE(cron.Matches(local, WeekdayOf(local.year, local.month, local.day)));
  }
  CHECK(accepted > trials / 10);
}

}  // namespace
}  // namespace belfry
