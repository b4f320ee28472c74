#pragma once

// Zones as the naive side of the property tests sees them: a list of names, and what a clock on the
// wall shows at an instant. Shares nothing with scheduler/schedule.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace belfry {

// What a clock on the wall shows.
struct LocalTime {
  int64_t year = 0;
  int month = 1;
  int day = 1;
  int hour = 0;
  int minute = 0;
  int second = 0;

  friend bool operator==(const LocalTime&, const LocalTime&) = default;
};

// 0 is Sunday.
int WeekdayOf(int64_t year, int month, int day);
bool IsLeapYear(int64_t year);
int DaysInMonth(int64_t year, int month);

// The Unix time of a clock that shows `local` in UTC.
int64_t UnixSecondsOf(const LocalTime& local);

// The names of all zones of the machine's database, or the one of the settings. Fails the test if
// the database cannot be read or is implausibly small.
std::vector<std::string> ZoneNames();
// Its further names for them: (name, zone).
std::vector<std::pair<std::string, std::string>> ZoneLinks();

// A zone and the changes of its offset, found by looking at the clock.
class WallClock {
 public:
  // Fails the test if there is no such zone.
  explicit WallClock(std::string name);

  const std::string& name() const { return name_; }

  LocalTime At(int64_t unix_seconds) const;
  int OffsetAt(int64_t unix_seconds) const;

  // The first instants of new offsets in [begin, end), in order. An offset that lasts for less than
  // half a day may be missed.
  std::vector<int64_t> Changes(int64_t begin, int64_t end) const;

 private:
  std::string name_;
  absl::TimeZone zone_;
};

}  // namespace belfry
