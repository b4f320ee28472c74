#include <catch2/catch.hpp>

#include "tests/unit/schedule/times.h"

namespace belfry {
namespace {

// Monday.
constexpr char kStart[] = "2024-01-01T00:00:00Z";

// The days of January 2024 on which a job ticks at noon; the fields are day, month, day of week.
std::vector<int> DaysOf(std::string_view fields) {
  std::vector<int> days;
  for (const std::string& tick : TicksOf("0 0 12 " + std::string(fields), kStart, 31)) {
    if (tick.starts_with("2024-01-")) days.push_back(std::stoi(tick.substr(8, 2)));
  }
  return days;
}

TEST_CASE("cron: day of week 7 is Sunday") {
  const std::vector<int> sundays = {7, 14, 21, 28};
  CHECK(DaysOf("* * 0") == sundays);
  CHECK(DaysOf("* * 7") == sundays);
  CHECK(DaysOf("* * sun") == sundays);
  CHECK(DaysOf("* * 7-7") == sundays);
  CHECK(DaysOf("* * 7/2") == sundays);
  CHECK(DaysOf("* * 0,7") == sundays);
  CHECK(DaysOf("* * 1,7") == std::vector<int>{1, 7, 8, 14, 15, 21, 22, 28, 29});
  CHECK(DaysOf("* * 5-7") == std::vector<int>{5, 6, 7, 12, 13, 14, 19, 20, 21, 26, 27, 28});
  CHECK(DaysOf("* * fri-7") == DaysOf("* * 5-7"));
  CHECK(DaysOf("* * 5-7/2") == std::vector<int>{5, 7, 12, 14, 19, 21, 26, 28});
  CHECK(DaysOf("* * 0-7").size() == 31);
  // A step without a range still ends on Saturday.
  CHECK(DaysOf("* * 5/2") == std::vector<int>{5, 12, 19, 26});
  CHECK(ScheduleError("0 0 0 * * 8") ==
        "schedule \"0 0 0 * * 8\": day of week 8 is out of range 0-7");
}

TEST_CASE("cron: a day must match both of its fields only when one of them is unrestricted") {
  CHECK(DaysOf("13 * 5") == std::vector<int>{5, 12, 13, 19, 26});
  CHECK(DaysOf("13 * *") == std::vector<int>{13});
  CHECK(DaysOf("13 * ?") == std::vector<int>{13});
  CHECK(DaysOf("* * 5") == std::vector<int>{5, 12, 19, 26});
  CHECK(DaysOf("*/1 * 5") == std::vector<int>{5, 12, 19, 26});
  CHECK(DaysOf("3,* * 5") == std::vector<int>{5, 12, 19, 26});
  CHECK(DaysOf("1-31 * 5").size() == 31);
  CHECK(DaysOf("*/15 * 5") == std::vector<int>{1, 5, 12, 16, 19, 26, 31});
  CHECK(DaysOf("13 * 0-6").size() == 31);
}

TEST_CASE("cron: lists skip empty elements") {
  CHECK(DaysOf(",5,,9, * *") == std::vector<int>{5, 9});
  // An empty set is fine where the other field of the day carries the schedule.
  CHECK(DaysOf(", * 5") == std::vector<int>{5, 12, 19, 26});
  CHECK(DaysOf("9 * ,") == std::vector<int>{9});
}

TEST_CASE("cron: steps") {
  CHECK(DaysOf("10/7 * *") == std::vector<int>{10, 17, 24, 31});
  CHECK(DaysOf("10-20/7 * *") == std::vector<int>{10, 17});
  CHECK(DaysOf("*/10 * *") == std::vector<int>{1, 11, 21, 31});
  CHECK(DaysOf("?/10 * *") == std::vector<int>{1, 11, 21, 31});
  CHECK(DaysOf("*/100 * *") == std::vector<int>{1});
  CHECK(DaysOf("*/9223372036854775807 * *") == std::vector<int>{1});
  CHECK(DaysOf("30/9223372036854775807 * *") == std::vector<int>{30});
  CHECK(DaysOf("*/+10 * *") == std::vector<int>{1, 11, 21, 31});
  CHECK(DaysOf("0010 * *") == std::vector<int>{10});
}

TEST_CASE("cron: names may stand wherever a number may, in any case") {
  CHECK(DaysOf("* JAN mon") == std::vector<int>{1, 8, 15, 22, 29});
  CHECK(DaysOf("* jan-Feb Mon-TUE/5") == std::vector<int>{1, 8, 15, 22, 29});
  CHECK(DaysOf("* * tue/3") == std::vector<int>{2, 5, 9, 12, 16, 19, 23, 26, 30});
}

TEST_CASE("cron: a range that begins with a star") {
  CHECK(ScheduleError("*-5 * * * * *") ==
        "schedule \"*-5 * * * * *\": second \"*-5\" is a range without a beginning");
  CHECK(ScheduleError("?-5 * * * * *") != "accepted");
  CHECK(NextOf("*-5/20 * * * * *", "2024-01-01T00:00:20Z") == "2024-01-01T00:00:40Z");
  CHECK(ScheduleError("*-x/20 * * * * *") != "accepted");
  CHECK(ScheduleError("*-60/20 * * * * *") != "accepted");
  CHECK(ScheduleError("*-5-6/20 * * * * *") != "accepted");
}

TEST_CASE("cron: a schedule that can never tick is refused") {
  for (const char* spec :
       {"0 0 0 30 2 *", "0 0 0 31 2,4,6,9,11 *", "0 0 0 30-31 feb ?", ", * * * * *", "* , * * * *",
        "* * ,, * * *", "* * * , * *", "* * * * , *", "* * * * * ,", "* * * , * ,", "0 0 0 , 2 *",
        "TZ=Europe/Berlin 0 0 0 31 4 *", "* * * 1 , mon"}) {
    INFO(spec);
    CHECK_THAT(ScheduleError(spec), Catch::EndsWith("\": schedule never fires"));
  }
  CHECK(ScheduleError("0 0 0 29 2 *") == "accepted");
  CHECK(ScheduleError("0 0 0 30 2,3 *") == "accepted");
  CHECK(ScheduleError("0 0 0 30 2 mon") == "accepted");  // Mondays of February
}

TEST_CASE("cron: 29 February is found across years that are not leap years") {
  CHECK(NextOf("0 0 0 29 2 *", "2024-02-29T00:00:00Z") == "2028-02-29T00:00:00Z");
  CHECK(NextOf("0 0 0 29 2 *", "2096-02-29T00:00:00Z") == "2104-02-29T00:00:00Z");
  CHECK(NextOf("TZ=Europe/Berlin 0 0 0 29 2 *", "2096-03-01T00:00:00Z") == "2104-02-28T23:00:00Z");
  CHECK(NextOf("0 0 0 29 2 *", "1896-03-01T00:00:00Z") == "1904-02-29T00:00:00Z");
  CHECK(NextOf("0 0 0 29 2 *", "1999-03-01T00:00:00Z") == "2000-02-29T00:00:00Z");
  CHECK(NextOf("0 0 0 29 2 *", "9996-02-29T00:00:00Z") == "none");
}

TEST_CASE("cron: ends of days, months and years") {
  CHECK(NextOf("0 * * * * *", "2023-12-31T23:59:45Z") == "2024-01-01T00:00:00Z");
  CHECK(NextOf("59 59 23 31 12 *", "2023-12-31T23:59:59Z") == "2024-12-31T23:59:59Z");
  CHECK(NextOf("0 0 0 31 * *", "2024-01-31T00:00:00Z") == "2024-03-31T00:00:00Z");
  CHECK(NextOf("0 0 0 28-31 2 *", "2023-02-28T00:00:00Z") == "2024-02-28T00:00:00Z");
  CHECK(NextOf("30 15 10 * * *", "2024-01-01T10:15:30Z") == "2024-01-02T10:15:30Z");
  CHECK(NextOf("30 15 10 * * *", "2024-01-01T10:15:29.999999999Z") == "2024-01-01T10:15:30Z");
  CHECK(NextOf("0 0 0 * * *", "1969-12-31T23:59:59.5Z") == "1970-01-01T00:00:00Z");
}

TEST_CASE("cron: errors name the field and the value") {
  const auto problem = [](const std::string& spec) {
    const std::string prefix = "schedule \"" + spec + "\": ";
    const std::string error = ScheduleError(spec);
    return error.starts_with(prefix) ? error.substr(prefix.size()) : "unexpected: " + error;
  };
  CHECK(problem("61 * * * * *") == "second 61 is out of range 0-59");
  CHECK(problem("-1 * * * * *") == "second -1 is out of range 0-59");
  CHECK(problem("-0 * * * * *") == "second -0 is out of range 0-59");
  CHECK(problem("* 60 * * * *") == "minute 60 is out of range 0-59");
  CHECK(problem("* * 5,24 * * *") == "hour 24 is out of range 0-23");
  CHECK(problem("* * * 0 * *") == "day of month 0 is out of range 1-31");
  CHECK(problem("* * * * 1-13 *") == "month 13 is out of range 1-12");
  CHECK(problem("* * * jan * *") == "day of month \"jan\" is not a number");
  CHECK(problem("* * * * january *") == "month \"january\" is neither a number nor a name");
  CHECK(problem("50-10 * * * * *") == "second \"50-10\" runs backwards");
  CHECK(problem("* * * * * fri-mon") == "day of week \"fri-mon\" runs backwards");
  CHECK(problem("* * * * * sat-sun") == "day of week \"sat-sun\" runs backwards");
  CHECK(problem("1-2-3 * * * * *") == "second \"1-2-3\" has too many hyphens");
  CHECK(problem("1/2/3 * * * * *") == "second \"1/2/3\" has too many slashes");
  CHECK(problem("*/0 * * * * *") == "second step 0 is not greater than 0");
  CHECK(problem("*/-5 * * * * *") == "second step -5 is not greater than 0");
  CHECK(problem("1/ * * * * *") == "second step \"\" is not a number");
  CHECK(problem("/5 * * * * *") == "second \"\" is not a number");
  CHECK(problem("1- * * * * *") == "second \"\" is not a number");
  CHECK(problem("99999999999999999999 * * * * *") ==
        "second \"99999999999999999999\" is not a number");
  CHECK(problem("0x1 * * * * *") == "second \"0x1\" is not a number");
}

}  // namespace
}  // namespace belfry
