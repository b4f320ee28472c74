#include "scheduler/schedule/schedule.h"

#include <catch2/catch.hpp>

#include "tests/unit/schedule/times.h"

namespace belfry {
namespace {

TEST_CASE("schedule: descriptors stand for fields") {
  const std::pair<const char*, const char*> cases[] = {
      {"@yearly", "2025-01-01T00:00:00Z"},
      {"@annually", "2025-01-01T00:00:00Z"},
      {"@monthly", "2024-06-01T00:00:00Z"},
      {"@weekly", "2024-05-19T00:00:00Z"},
      {"@daily", "2024-05-16T00:00:00Z"},
      {"@midnight", "2024-05-16T00:00:00Z"},
      {"@hourly", "2024-05-15T13:00:00Z"},
      {"TZ=Asia/Tokyo @daily", "2024-05-15T15:00:00Z"},
      {"CRON_TZ=Asia/Tokyo  @daily\t", "2024-05-15T15:00:00Z"}};
  for (const auto& [text, next] : cases) {
    INFO(text);
    CHECK(NextOf(text, "2024-05-15T12:34:56Z") == next);
  }
  for (const char* text :
       {"@Daily", "@daily ", "@", "@every", "@every\t5s", "@every5s", "@reboot"}) {
    CHECK(ScheduleError(text) != "accepted");
  }
  CHECK(ScheduleError("@Daily") == "schedule \"@Daily\": unrecognized descriptor \"@Daily\"");
  CHECK(ScheduleError(" @daily") == "expected exactly 6 fields, found 1: [@daily]");
}

TEST_CASE("schedule: @every adds its interval and keeps nanoseconds") {
  CHECK(TicksOf("@every 1h30m", "2024-01-01T00:00:00.25Z", 3) ==
        std::vector<std::string>{"2024-01-01T01:30:00.25Z", "2024-01-01T03:00:00.25Z",
                                 "2024-01-01T04:30:00.25Z"});
  CHECK(NextOf("@every 0s", "2024-01-01T00:00:00Z") == "2024-01-01T00:00:00Z");
  CHECK(NextOf("@every -0s", "2024-01-01T00:00:00Z") == "2024-01-01T00:00:00Z");
  CHECK(NextOf("@every 2562047h47m16.854775807s", "2024-01-01T00:00:00Z") ==
        "2316-04-11T23:47:16.854775807Z");
  CHECK(NextOf("@every 1ns", "9999-12-31T23:59:59.999999999Z") == "none");
}

TEST_CASE("schedule: @every refuses negative and malformed durations and zones") {
  CHECK(ScheduleError("@every -1s") ==
        "schedule \"@every -1s\": @every takes no negative duration");
  CHECK(ScheduleError("@every 5") == "schedule \"@every 5\": duration \"5\" has no unit");
  CHECK(ScheduleError("@every  5s") != "accepted");
  CHECK(ScheduleError("@every 5s ") != "accepted");
  CHECK(ScheduleError("@every P1D") != "accepted");
  CHECK(ScheduleError("@every ") != "accepted");
  CHECK(ScheduleError("TZ=UTC @every 5s") ==
        "schedule \"TZ=UTC @every 5s\": @every does not take a time zone");
  CHECK(ScheduleError("CRON_TZ= @every 5s") != "accepted");
}

TEST_CASE("schedule: there are exactly six fields between white space of any kind") {
  CHECK(ScheduleError("* * * * *") == "expected exactly 6 fields, found 5: [* * * * *]");
  CHECK(ScheduleError("*  *\t* * * * *") == "expected exactly 6 fields, found 7: [* * * * * * *]");
  CHECK(ScheduleError(" ") == "expected exactly 6 fields, found 0: []");
  CHECK(ScheduleError("TZ=UTC * * *") == "expected exactly 6 fields, found 3: [* * *]");
  CHECK(ScheduleError("") == "schedule \"\": it is empty");
  CHECK(ScheduleError("\n*\t*\v*\f*\r*\u00a0*\u3000") == "accepted");
  CHECK(ScheduleError("*\u200b* * * * *") != "accepted");  // a zero width space is none
}

TEST_CASE("schedule: the zone prefix") {
  CHECK(NextOf("TZ=Asia/Tokyo 0 0 9 * * *", "2024-05-15T12:00:00Z") == "2024-05-16T00:00:00Z");
  CHECK(NextOf("TZ= 0 0 9 * * *", "2024-05-15T12:00:00Z") == "2024-05-16T09:00:00Z");
  CHECK(NextOf("TZ=Local 0 0 9 * * *", "2024-05-15T12:00:00Z") == "2024-05-16T09:00:00Z");
  CHECK(NextOf("TZ=Asia/Tokyo   0 0 9 * * * ", "2024-05-15T12:00:00Z") == "2024-05-16T00:00:00Z");
  for (const char* text :
       {"TZ=UTC", "TZ=UTC ", "TZ=UTC\t", "TZ=", "CRON_TZ=", "CRON_TZ=UTC", "TZ=UTC\u00a0"}) {
    INFO(text);
    CHECK_THAT(ScheduleError(text), Catch::Contains("no schedule follows the time zone"));
  }
  CHECK_THAT(ScheduleError("TZ=UTC\t0 0 9 * * *"), Catch::Contains("a space must follow"));
  CHECK(ScheduleError("TZ=Mars/Olympus 0 0 9 * * *") ==
        "schedule \"TZ=Mars/Olympus 0 0 9 * * *\": unknown time zone \"Mars/Olympus\"");
  for (const char* text : {"tz=UTC 0 0 9 * * *", " TZ=UTC 0 0 9 * * *", "TZ=UTC TZ=UTC 0 0 9 * * *",
                           "XTZ=UTC 0 0 9 * * *"}) {
    CHECK_THAT(ScheduleError(text), Catch::Contains("found"));
  }
}

TEST_CASE("schedule: long and unprintable texts are shown within limits") {
  CHECK(ScheduleError(std::string(kMaxScheduleBytes + 1, '*')).size() < 300);
  const std::string list = std::string(1000, ',') + "5 * * * * *";
  CHECK(ScheduleError(list) == "accepted");
  CHECK(ScheduleError(std::string("\0 \x1b \xff", 5)) ==
        "expected exactly 6 fields, found 3: [\\x00 \\x1b \\xff]");
}

}  // namespace
}  // namespace belfry
