#pragma once

// Random cron expressions together with what they mean: each field as text and as the set that the
// text stands for, put together at the same time. Nothing is parsed, and a match is tried by
// looking at one moment: no code is shared with scheduler/schedule.

#include <array>
#include <bitset>
#include <cstdint>
#include <string>

#include "tests/property/local_time.h"
#include "tests/property/settings.h"

namespace belfry {

struct PlainField {
  std::string text;
  std::bitset<64> values;
  bool star = false;  // some element of it was "*" or "?", with no step or a step of one
};

struct PlainCron {
  PlainField second, minute, hour, day, month, weekday;  // weekdays: 0 is Sunday

  // The six fields; with a zone's name, also its prefix.
  std::string Text(const std::string& zone = "") const;
  bool MatchesDay(int64_t year, int month_number, int day_number) const;
  bool Matches(const LocalTime& local, int weekday_number) const;
};

// "second minute hour day month day-of-week" of exactly this time, every year.
PlainCron OnceAYear(const LocalTime& local);

// Makes fields and expressions at random.
class CronMaker {
 public:
  explicit CronMaker(Random* random) : random_(*random) {}

  // Any of the shapes that a field can have: names, signs, steps, lists, empty elements.
  PlainCron Any();

  // Often ticks near `local`: each field is left open, holds that value, or is any. The second is
  // the one of `local` unless `seconds`.
  PlainCron Near(const LocalTime& local, bool seconds);

  // At whole quarters of an hour; few days.
  PlainCron SparseQuarters();

  // Days and months as for Any, but often empty sets and days that few months have.
  PlainCron Doubtful();

 private:
  struct Kind {
    int min;
    int max;
    bool is_month;
    bool is_weekday;
  };
  static constexpr Kind kSixty = {0, 59, false, false};
  static constexpr Kind kHour = {0, 23, false, false};
  static constexpr Kind kDay = {1, 31, false, false};
  static constexpr Kind kMonth = {1, 12, true, false};
  static constexpr Kind kWeekday = {0, 6, false, true};

  PlainField Field(const Kind& kind);
  PlainField NearField(const Kind& kind, int value);
  PlainField Single(const Kind& kind, int value);
  PlainField Empty();
  PlainField Star();
  void AddElement(const Kind& kind, PlainField* field);
  void AddStepped(const Kind& kind, int low, int high, int64_t step, PlainField* field);
  // One of the ways to write a value.
  std::string ValueText(const Kind& kind, int value);
  int AnyValue(const Kind& kind);

  Random& random_;
};

}  // namespace belfry
