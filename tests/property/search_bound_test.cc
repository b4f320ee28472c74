// The bound of schedule.h on the work of one call of Next: the number of turns follows from how
// often a zone changes its offset, and no call of the worst expressions takes long.

#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <iostream>
#include <optional>

#include "scheduler/schedule/cron.h"
#include "scheduler/schedule/schedule.h"
#include "tests/property/local_time.h"
#include "tests/property/settings.h"

namespace belfry {
namespace {

constexpr int64_t kDay = 24 * 3'600;
constexpr int64_t kFirst = -2'208'988'800;  // 1900-01-01
constexpr int64_t kEnd = 4'102'444'800;     // 2100-01-01
// A search begins somewhere in its first year, and ends with its last.
constexpr int64_t kSearchSeconds = (kCronSearchYears + 1) * 366 * kDay;

// Under a sanitiser and on a busy machine too; without, the worst is below a millisecond.
constexpr double kMaxCallMs = 50;

// Of this thread, so that other work on the machine does not count.
double CpuMs() {
  timespec time{};
  REQUIRE(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

struct Worst {
  double ms = 0;
  std::string what;

  void Add(double call_ms, const std::string& call) {
    if (call_ms <= ms) return;
    ms = call_ms;
    what = call;
  }
};

std::ostream& operator<<(std::ostream& out, const Worst& worst) {
  return out << worst.ms << " ms of CPU: " << worst.what;
}

// One of many ways to spell a field that is as long as a schedule may be.
std::string LongField() {
  std::string field;
  while (field.size() + 64 < kMaxScheduleBytes) field += "0-59/7,";
  return field;
}

TEST_CASE("search bound: no zone changes its offset more often than the bound allows") {
  size_t most = 0;
  std::string where;
  for (const std::string& name : ZoneNames()) {
    const auto changes = WallClock(name).Changes(kFirst, kEnd);
    for (auto begin = changes.begin(); begin != changes.end(); ++begin) {
      const auto end = std::upper_bound(begin, changes.end(), *begin + kSearchSeconds);
      const auto count = static_cast<size_t>(end - begin);
      if (count <= most) continue;
      most = count;
      where = name;
    }
  }
  std::cout << most << " changes in " << kCronSearchYears + 1 << " years, in " << where << "\n";
  CHECK(most < static_cast<size_t>(kMaxCronSearchTurns));
}

TEST_CASE("search bound: sparse expressions take no long time in any zone") {
  const char* const kSparse[] = {
      "0 0 0 29 2 *",       // once in eight years around 2100
      "59 59 23 29 feb ?",  //
      "0 30 2 29 2 *",      // at an hour that many zones skip
      "0 30 3 1 4 *",       // skipped in Asia/Baghdad for 17 years
      "0 30 1 1 5 *",       // skipped in Africa/Cairo for 23 years
      "59 59 23 31 12 *",   //
      "0 0 0 31 12 *",      //
      "0 0 0 30,31 1,3 0",  //
  };
  Worst worst;
  for (const std::string& name : ZoneNames()) {
    Random random("sparse " + name);
    for (const char* fields : kSparse) {
      const std::string text = "TZ=" + name + " " + fields;
      const auto schedule = Schedule::Parse(text);
      REQUIRE(schedule.ok());
      for (int i = 0; i < 4 * Settings().scale; ++i) {
        const absl::Time after = absl::FromUnixSeconds(random.Between(kFirst, kEnd));
        const double begin = CpuMs();
        const auto next = schedule->Next(after);
        worst.Add(CpuMs() - begin, text + " after " + absl::FormatTime(after));
        INFO(text << " after " << after);
        REQUIRE(next.has_value());
        REQUIRE(*next > after);
      }
    }
  }
  std::cout << worst << "\n";
  CHECK(worst.ms < kMaxCallMs);
}

// The last years have to end the search too, and the zones list no changes there.
TEST_CASE("search bound: the last years that a time can have end the search") {
  Worst worst;
  for (const std::string& name : ZoneNames()) {
    const std::string text = "TZ=" + name + " 0 30 2 29 2 *";
    const auto schedule = Schedule::Parse(text);
    REQUIRE(schedule.ok());
    for (const char* after : {"2399-03-01", "2520-01-01", "9990-01-01", "9996-03-01"}) {
      absl::Time time;
      REQUIRE(absl::ParseTime("%Y-%m-%d", after, &time, nullptr));
      const double begin = CpuMs();
      const auto next = schedule->Next(time);
      worst.Add(CpuMs() - begin, text + " after " + after);
      CHECK((!next || *next > time));
      CHECK(next.has_value() == (std::string_view(after) != "9996-03-01"));
    }
  }
  std::cout << worst << "\n";
  CHECK(worst.ms < kMaxCallMs);
}

TEST_CASE("search bound: the longest texts are parsed or refused at once") {
  const std::string long_field = LongField();
  std::string commas(kMaxScheduleBytes - 16, ',');
  const std::string texts[] = {
      long_field + " * * * * *",
      commas + "0 * * * * *",
      "* * * * * " + commas,
      std::string(kMaxScheduleBytes - 16, ' ') + "* * * * * *",
      std::string(kMaxScheduleBytes, '*'),
      std::string(kMaxScheduleBytes, '0'),
      "TZ=" + std::string(kMaxScheduleBytes - 3, '/'),
      "@every " + std::string(kMaxScheduleBytes - 8, '0') + "s",
      std::string(kMaxScheduleBytes * 1000, '1'),
  };
  Worst worst;
  for (const std::string& text : texts) {
    const double begin = CpuMs();
    const auto schedule = Schedule::Parse(text);
    worst.Add(CpuMs() - begin, "parsing " + text.substr(0, 16));
    if (schedule.ok()) CHECK(schedule->Next(absl::UnixEpoch()).has_value());
  }
  CHECK(Schedule::Parse(texts[0]).ok());
  CHECK_FALSE(Schedule::Parse(texts[8]).ok());
  std::cout << worst << "\n";
  CHECK(worst.ms < kMaxCallMs);
}

}  // namespace
}  // namespace belfry
