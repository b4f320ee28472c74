// Cron expressions around changes of a zone's offset, compared with a matcher that looks at every
// minute (or second) and shares no code with the search.

#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "scheduler/schedule/cron.h"
#include "scheduler/schedule/zone.h"
#include "tests/unit/schedule/times.h"

namespace belfry {
namespace {

constexpr int kSpecsPerChange = 40;

// The values of one field; empty stands for "*".
using Values = std::set<int>;

struct Spec {
  Values second, minute, hour, day, month, weekday;
};

std::string FieldText(const Values& values) {
  if (values.empty()) return "*";
  std::string text;
  for (const int value : values) text += (text.empty() ? "" : ",") + std::to_string(value);
  return text;
}

std::string TextOf(const Spec& spec) {
  std::string text;
  for (const Values& values :
       {spec.second, spec.minute, spec.hour, spec.day, spec.month, spec.weekday}) {
    text += (text.empty() ? "" : " ") + FieldText(values);
  }
  return text;
}

bool In(const Values& values, int value) { return values.empty() || values.count(value) > 0; }

bool Matches(const Spec& spec, absl::CivilSecond local) {
  if (!In(spec.second, local.second()) || !In(spec.minute, local.minute())) return false;
  if (!In(spec.hour, local.hour()) || !In(spec.month, local.month())) return false;
  const int weekday = absl::GetWeekday(local) == absl::Weekday::sunday
                          ? 0
                          : static_cast<int>(absl::GetWeekday(local)) + 1;
  const bool day = In(spec.day, local.day());
  const bool on_weekday = In(spec.weekday, weekday);
  const bool both = spec.day.empty() || spec.weekday.empty();
  return both ? day && on_weekday : day || on_weekday;
}

class SpecMaker {
 public:
  explicit SpecMaker(unsigned seed) : random_(seed) {}

  // Mostly specs that tick a few times a day near the hours in which clocks change.
  Spec Make(bool with_seconds) {
    Spec spec;
    spec.second = with_seconds ? Some(0, 59, 3) : Values{0};
    spec.minute = Chance(4) ? Values{} : Some(0, 59, 2);
    if (Chance(2)) spec.minute = {0, 30};
    spec.hour = Chance(3) ? Values{} : Some(0, 5, 3);
    if (Chance(3)) spec.day = Some(1, 31, 5);
    if (Chance(3)) spec.weekday = Some(0, 6, 2);
    return spec;
  }

 private:
  bool Chance(int n) { return std::uniform_int_distribution<int>(1, n)(random_) == 1; }

  Values Some(int low, int high, int count) {
    Values values;
    for (int i = 0; i < count; ++i) {
      values.insert(std::uniform_int_distribution<int>(low, high)(random_));
    }
    return values;
  }

  std::mt19937 random_;
};

// An hour in which a clock changes, and what it does there.
struct Change {
  const char* zone;
  const char* at;
};

const std::vector<Change> kChanges = {
    {"Europe/Berlin", "2024-03-31T01:00:00Z"},        // 02:00 -> 03:00
    {"Europe/Berlin", "2024-10-27T01:00:00Z"},        // 03:00 -> 02:00
    {"America/New_York", "2024-03-10T07:00:00Z"},     // 02:00 -> 03:00
    {"America/New_York", "2024-11-03T06:00:00Z"},     // 02:00 -> 01:00
    {"America/St_Johns", "2010-11-07T02:31:00Z"},     // 00:01 -> 23:01 of the day before
    {"Australia/Lord_Howe", "2024-10-05T15:30:00Z"},  // 02:00 -> 02:30
    {"Australia/Lord_Howe", "2025-04-05T15:00:00Z"},  // 02:00 -> 01:30
    {"America/Sao_Paulo", "2018-11-04T03:00:00Z"},    // no midnight
    {"America/Sao_Paulo", "2019-02-17T02:00:00Z"},    // 00:00 -> 23:00 of the day before
    {"Asia/Beirut", "2024-03-30T22:00:00Z"},          // no midnight
    {"America/Havana", "2024-11-03T05:00:00Z"},       // midnight twice
    {"Asia/Amman", "2021-10-28T22:00:00Z"},           // midnight twice
    {"Africa/Casablanca", "2024-03-10T02:00:00Z"},    // Ramadan: 03:00 -> 02:00
    {"Africa/Casablanca", "2024-04-14T02:00:00Z"},    // 02:00 -> 03:00
    {"Pacific/Apia", "2011-12-30T10:00:00Z"},         // 30 December is missing
    {"Pacific/Kwajalein", "1993-08-21T12:00:00Z"},    // 21 August is missing
    {"Pacific/Chatham", "2024-09-28T14:00:00Z"},      // 02:45 -> 03:45
    {"Asia/Pyongyang", "2018-05-04T15:00:00Z"},       // half an hour, for good
    {"Antarctica/Troll", "2024-10-27T01:00:00Z"},     // two hours back
    {"Asia/Kathmandu", "1985-12-31T18:30:00Z"},       // a quarter of an hour
};

// Checks random specs over [change - before, change + after], looking at every `step`.
void Compare(const Change& change, SpecMaker* maker, absl::Duration before, absl::Duration after,
             absl::Duration step) {
  const auto zone = LoadZone(change.zone);
  REQUIRE(zone.ok());
  const absl::Time begin = At(change.at) - before;
  const absl::Time end = At(change.at) + after;
  struct Moment {
    absl::Time time;
    absl::CivilSecond local;
  };
  std::vector<Moment> moments;
  for (absl::Time t = begin; t <= end; t += step) moments.push_back({t, zone->At(t).cs});
  REQUIRE(zone->At(begin).offset != zone->At(end).offset);

  for (int i = 0; i < kSpecsPerChange; ++i) {
    const Spec spec = maker->Make(step < absl::Minutes(1));
    const std::string text = std::string("TZ=") + change.zone + " " + TextOf(spec);
    INFO(text << " around " << change.at);
    const Schedule schedule = MustParse(text);
    absl::Time last = begin - absl::Seconds(1);
    bool same = true;
    for (const Moment& moment : moments) {
      if (!Matches(spec, moment.local)) continue;
      const auto next = schedule.Next(last);
      if (next != moment.time) {
        INFO("after " << Show(last));
        CHECK(Show(next) == Show(moment.time));
        same = false;
        break;
      }
      last = moment.time;
    }
    if (same) CHECK(schedule.Next(last).value_or(absl::InfiniteFuture()) > end);
  }
}

TEST_CASE("cron: every minute of the days around a change agrees with a plain matcher") {
  SpecMaker maker(20240331);
  for (const Change& change : kChanges) {
    Compare(change, &maker, absl::Hours(5 * 24), absl::Hours(5 * 24), absl::Minutes(1));
  }
}

TEST_CASE("cron: every second of the hours around a change agrees with a plain matcher") {
  SpecMaker maker(20241027);
  for (const Change& change : kChanges) {
    Compare(change, &maker, absl::Hours(3), absl::Hours(3), absl::Seconds(1));
  }
}

TEST_CASE("cron: a wall clock time that a zone skips is not made up for") {
  CHECK(TicksOf("TZ=Europe/Berlin 0 30 2 * * *", "2024-03-29T12:00:00Z", 3) ==
        std::vector<std::string>{"2024-03-30T01:30:00Z", "2024-04-01T00:30:00Z",
                                 "2024-04-02T00:30:00Z"});
  CHECK(TicksOf("TZ=Asia/Beirut 0 0 0 * * *", "2024-03-28T23:00:00Z", 3) ==
        std::vector<std::string>{"2024-03-29T22:00:00Z", "2024-03-31T21:00:00Z",
                                 "2024-04-01T21:00:00Z"});
}

TEST_CASE("cron: a wall clock time that a zone shows twice ticks twice") {
  CHECK(TicksOf("TZ=Europe/Berlin 0 30 2 * * *", "2024-10-26T12:00:00Z", 3) ==
        std::vector<std::string>{"2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z",
                                 "2024-10-28T01:30:00Z"});
  CHECK(TicksOf("TZ=Australia/Lord_Howe 0 45 1 * * *", "2025-04-05T00:00:00Z", 3) ==
        std::vector<std::string>{"2025-04-05T14:45:00Z", "2025-04-05T15:15:00Z",
                                 "2025-04-06T15:15:00Z"});
}

TEST_CASE("cron: nothing ticks on a day that does not match") {
  // 30 March 2024 is followed by a day without a midnight.
  CHECK(TicksOf("TZ=Asia/Beirut 0 0 6 30 * *", "2024-03-29T00:00:00Z", 2) ==
        std::vector<std::string>{"2024-03-30T04:00:00Z", "2024-04-30T03:00:00Z"});
  CHECK(TicksOf("TZ=America/Sao_Paulo 0 0 9 * * 6", "2018-11-03T12:00:00Z", 1) ==
        std::vector<std::string>{"2018-11-10T11:00:00Z"});
}

TEST_CASE("cron: a day that a zone skips does not stop the search") {
  CHECK(TicksOf("TZ=Pacific/Apia 0 0 12 * * *", "2011-12-29T00:00:00Z", 3) ==
        std::vector<std::string>{"2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z",
                                 "2011-12-31T22:00:00Z"});
  CHECK(NextOf("TZ=Pacific/Apia 0 0 12 30 12 *", "2011-12-01T00:00:00Z") == "2012-12-29T22:00:00Z");
}

TEST_CASE("cron: the rules of a zone hold centuries ahead") {
  CHECK(TicksOf("TZ=Europe/Berlin 0 30 2 * * 0", "3000-10-20T00:00:00Z", 3) ==
        std::vector<std::string>{"3000-10-26T00:30:00Z", "3000-10-26T01:30:00Z",
                                 "3000-11-02T01:30:00Z"});
  CHECK(NextOf("TZ=Europe/Berlin 0 30 2 28 3 *", "9999-03-01T00:00:00Z") == "none");
  CHECK(NextOf("TZ=America/Sao_Paulo 0 0 9 * * *", "5000-01-01T00:00:00Z") ==
        "5000-01-01T12:00:00Z");
  CHECK(NextOf("TZ=Asia/Kolkata 0 0 9 * * *", "2500-06-01T00:00:00Z") == "2500-06-01T03:30:00Z");
}

TEST_CASE("cron: the years 1 and 9999 are searched to their ends in any zone") {
  CHECK(NextOf("* * * * * *", "0001-01-01T00:00:00Z") == "0001-01-01T00:00:01Z");
  CHECK(NextOf("TZ=Asia/Tokyo 0 0 9 1 1 *", "9999-12-30T00:00:00Z") == "none");
  CHECK(NextOf("TZ=Asia/Tokyo 59 59 8 1 1 *", "9999-12-30T00:00:00Z") == "9999-12-31T23:59:59Z");
  CHECK(NextOf("* * * * * *", "9999-12-31T23:59:59Z") == "none");
  const Schedule schedule = MustParse("TZ=America/New_York 0 0 0 * * *");
  CHECK(Show(schedule.Next(absl::InfiniteFuture())) == "none");
  CHECK(Show(schedule.Next(absl::InfinitePast())) == "0001-01-01T04:56:02Z");
}

}  // namespace
}  // namespace belfry
