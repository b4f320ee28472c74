#include "tests/property/local_time.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "tests/property/settings.h"

namespace belfry {
namespace {

constexpr char kDatabase[] = "/usr/share/zoneinfo/";
// The tables differ in how many of the older names they list; both list more than this.
constexpr size_t kFewestZones = 300;
constexpr int64_t kHalfDay = 12 * 3'600;

struct ZoneTable {
  std::vector<std::string> names;
  std::vector<std::pair<std::string, std::string>> links;
};

// Lines "Z <name> ..." and "L <target> <name>"; all others are rules, or go on with a zone.
void ReadCompact(std::istream& file, ZoneTable* table) {
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind;
    std::string first;
    std::string second;
    words >> kind >> first >> second;
    if (kind == "Z") table->names.push_back(first);
    if (kind == "L") table->links.emplace_back(second, first);
  }
}

// Lines "<countries>\t<coordinates>\t<name>..." and comments.
void ReadTab(std::istream& file, ZoneTable* table) {
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string countries;
    std::string coordinates;
    std::string name;
    words >> countries >> coordinates >> name;
    if (!name.empty()) table->names.push_back(name);
  }
}

const ZoneTable& Table() {
  static const ZoneTable table = [] {
    ZoneTable result;
    if (std::ifstream compact(std::string(kDatabase) + "tzdata.zi"); compact) {
      ReadCompact(compact, &result);
    } else if (std::ifstream tab(std::string(kDatabase) + "zone1970.tab"); tab) {
      ReadTab(tab, &result);
    }
    return result;
  }();
  INFO("zones are listed by tzdata.zi or zone1970.tab in " << kDatabase);
  REQUIRE(table.names.size() >= kFewestZones);
  return table;
}

// Days since 1970-01-01, by counting whole years from a year that begins a cycle of 400.
int64_t DaysSinceEpoch(int64_t year, int month, int day) {
  constexpr int64_t kDaysBefore1970 = 719'162;  // since 0001-01-01
  const int64_t past = year - 1;
  int64_t days = past * 365 + past / 4 - past / 100 + past / 400;
  for (int m = 1; m < month; ++m) days += DaysInMonth(year, m);
  return days + day - 1 - kDaysBefore1970;
}

}  // namespace

bool IsLeapYear(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int DaysInMonth(int64_t year, int month) {
  if (month == 2) return IsLeapYear(year) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

int WeekdayOf(int64_t year, int month, int day) {
  // Sakamoto's method; January and February count with the year before.
  constexpr int kShift[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
  const int64_t y = month < 3 ? year - 1 : year;
  return static_cast<int>((y + y / 4 - y / 100 + y / 400 + kShift[month - 1] + day) % 7);
}

int64_t UnixSecondsOf(const LocalTime& local) {
  const int64_t days = DaysSinceEpoch(local.year, local.month, local.day);
  return ((days * 24 + local.hour) * 60 + local.minute) * 60 + local.second;
}

std::vector<std::string> ZoneNames() {
  const ZoneTable& table = Table();
  if (Settings().zone.empty()) return table.names;
  return {Settings().zone};
}

std::vector<std::pair<std::string, std::string>> ZoneLinks() { return Table().links; }

WallClock::WallClock(std::string name) : name_(std::move(name)) {
  INFO("zone " << name_);
  REQUIRE(absl::LoadTimeZone(name_, &zone_));
}

LocalTime WallClock::At(int64_t unix_seconds) const {
  const absl::CivilSecond cs = zone_.At(absl::FromUnixSeconds(unix_seconds)).cs;
  return {cs.year(), cs.month(), cs.day(), cs.hour(), cs.minute(), cs.second()};
}

int WallClock::OffsetAt(int64_t unix_seconds) const {
  return zone_.At(absl::FromUnixSeconds(unix_seconds)).offset;
}

std::vector<int64_t> WallClock::Changes(int64_t begin, int64_t end) const {
  std::vector<int64_t> changes;
  int offset = OffsetAt(begin);
  for (int64_t last = begin; last < end; last += kHalfDay) {
    int64_t next = std::min(last + kHalfDay, end);
    while (OffsetAt(next) != offset) {
      // The offset is `offset` at `low` and another at `high`.
      int64_t low = changes.empty() ? last : std::max(last, changes.back());
      int64_t high = next;
      while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        (OffsetAt(middle) == offset ? low : high) = middle;
      }
      if (high < end) changes.push_back(high);
      offset = OffsetAt(high);
    }
  }
  return changes;
}

}  // namespace belfry
