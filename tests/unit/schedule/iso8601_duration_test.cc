#include "scheduler/schedule/iso8601_duration.h"

#include <catch2/catch.hpp>

#include "tests/unit/schedule/times.h"

namespace belfry {
namespace {

std::string After(std::string_view start, std::string_view text) {
  const auto duration = ParseIso8601Duration(text);
  INFO(text);
  REQUIRE(duration.has_value());
  return Show(AddDuration(At(start), *duration));
}

TEST_CASE("ISO 8601 duration: components") {
  const auto all = ParseIso8601Duration("P1Y2M3W4DT5H6M7S");
  REQUIRE(all.has_value());
  CHECK(all->years == 1);
  CHECK(all->months == 2);
  CHECK(all->days == 25);
  CHECK(all->time == absl::Hours(5) + absl::Minutes(6) + absl::Seconds(7));
  CHECK(!all->has_repetition);
  CHECK(ParseIso8601Duration("P0D").has_value());
  CHECK(ParseIso8601Duration("PT0S").has_value());
  CHECK(ParseIso8601Duration("P007D")->days == 7);
  // In any order; days and times add up, of years and months the last counts.
  CHECK(ParseIso8601Duration("P1D2W3D")->days == 18);
  CHECK(ParseIso8601Duration("P1Y2Y3M4M")->years == 2);
  CHECK(ParseIso8601Duration("P1Y2Y3M4M")->months == 4);
  CHECK(ParseIso8601Duration("PT1S1H1S")->time == absl::Seconds(3602));
}

TEST_CASE("ISO 8601 duration: nothing is guessed") {
  for (const char* text :
       {"",       "P",      "PT",   "P1",   "PT5",  "P1DT",  "P1DT5", "PTT1H", "PT1HT1M",
        "P1H",    "P1S",    "PT1Y", "PT1D", "PT1W", "P1T2H", "Pfoo",  "P1D ",  " P1D",
        "P1Dx",   "P1xD",   "p1d",  "P1d",  "-P1D", "+P1D",  "P-1D",  "P+1D",  "PT-5S",
        "PT1.5S", "PT0,5S", "PD",   "PTS",  "P1DD", "1D",    "T1H",   "P 1D",  "P1D\n"}) {
    INFO(text);
    CHECK(!ParseIso8601Duration(text));
  }
}

TEST_CASE("ISO 8601 duration: repetitions are noticed, whatever their number") {
  for (const char* text :
       {"R5/PT1S", "R0/PT1S", "R-1/PT1S", "R+1/PT1S", "R5", "R5/", "R0", "R0/"}) {
    INFO(text);
    const auto duration = ParseIso8601Duration(text);
    REQUIRE(duration.has_value());
    CHECK(duration->has_repetition);
  }
  for (const char* text : {"R", "R/", "R/PT1S", "R5PT1S", "Rx/PT1S", "R5/P", "R5/PT", "R5/R5/PT1S",
                           "R--1/PT1S", "R 5/PT1S", "R99999999999999999999/PT1S", "r5/PT1S"}) {
    INFO(text);
    CHECK(!ParseIso8601Duration(text));
  }
}

TEST_CASE("ISO 8601 duration: overflow is an error") {
  CHECK(ParseIso8601Duration("PT9223372036S").has_value());
  CHECK(ParseIso8601Duration("P9223372036854775807D").has_value());
  for (const char* text :
       {"PT9223372037S", "PT2562048H", "PT2562047H48M", "P9223372036854775808D",
        "P9223372036854775807D1D", "P1317624576693539402W", "PT99999999999999999999S"}) {
    INFO(text);
    CHECK(!ParseIso8601Duration(text));
  }
}

TEST_CASE("ISO 8601 duration: calendar arithmetic in UTC") {
  CHECK(After("2024-01-31T10:00:00.5Z", "P1M") == "2024-03-02T10:00:00.5Z");
  CHECK(After("2023-01-31T10:00:00Z", "P1M") == "2023-03-03T10:00:00Z");
  CHECK(After("2024-02-29T00:00:00Z", "P1Y") == "2025-03-01T00:00:00Z");
  CHECK(After("2024-02-29T00:00:00Z", "P4Y") == "2028-02-29T00:00:00Z");
  CHECK(After("2024-01-31T00:00:00Z", "P1M30D") == "2024-04-01T00:00:00Z");
  CHECK(After("2024-12-31T23:00:00Z", "P1DT2H") == "2025-01-02T01:00:00Z");
  CHECK(After("2024-01-01T00:00:00Z", "P25M") == "2026-02-01T00:00:00Z");
  CHECK(After("2024-01-01T00:00:00Z", "PT9223372036S") == "2316-04-11T23:47:16Z");
}

TEST_CASE("ISO 8601 duration: results stay within the year 9999") {
  CHECK(After("9999-12-31T00:00:00Z", "PT23H59M59S") == "9999-12-31T23:59:59Z");
  CHECK(After("9999-12-31T00:00:00Z", "P1D") == "none");
  CHECK(After("2024-01-01T00:00:00Z", "P7976Y") == "none");
  CHECK(After("0001-01-01T00:00:00Z", "P3652058D") == "9999-12-31T00:00:00Z");
  CHECK(After("0001-01-01T00:00:00Z", "P3652059D") == "none");
  for (const char* text : {"P9223372036854775807Y", "P9223372036854775807M",
                           "P1317624576693539401W", "P9223372036854775807D"}) {
    CHECK(After("2024-01-01T00:00:00Z", text) == "none");
  }
}

}  // namespace
}  // namespace belfry
