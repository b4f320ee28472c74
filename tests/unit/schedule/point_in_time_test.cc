#include "scheduler/schedule/point_in_time.h"

#include <catch2/catch.hpp>

#include "tests/unit/schedule/times.h"

namespace belfry {
namespace {

constexpr char kNow[] = "2024-01-31T10:00:00.5Z";

std::string Due(std::string_view text) {
  const auto time = ParseDueTime(text, At(kNow));
  return time.ok() ? FormatRfc3339(*time) : Message(time.status());
}

std::string Ttl(std::string_view text) {
  const auto time = ParseTtl(text, At(kNow));
  return time.ok() ? FormatRfc3339(*time) : Message(time.status());
}

TEST_CASE("point in time: an instant, a Go duration or an ISO 8601 duration") {
  for (const auto& parse : {Due, Ttl}) {
    CHECK(parse("2020-01-01T00:00:00+01:00") == "2019-12-31T23:00:00Z");
    CHECK(parse("1h") == "2024-01-31T11:00:00.5Z");
    CHECK(parse("-1ns") == "2024-01-31T10:00:00.499999999Z");
    CHECK(parse("0") == "2024-01-31T10:00:00.5Z");
    CHECK(parse("P1M") == "2024-03-02T10:00:00.5Z");
  }
}

TEST_CASE("point in time: a due time's errors") {
  CHECK(Due("") == "due time format not recognized");
  CHECK(Due("tomorrow") == "due time format not recognized");
  CHECK(Due("PT") == "due time format not recognized");
  CHECK(Due("9223372036854775808ns") == "due time format not recognized");
  CHECK(Due(std::string(kMaxPointInTimeBytes, '0') + "1s") == "due time format not recognized");
  for (const char* text : {"R5/PT1S", "R0/PT1S", "R-1/PT1S", "R5", "R5/"}) {
    CHECK(Due(text) == "repeats not supported for due time");
  }
}

TEST_CASE("point in time: a ttl has one text for all that is not recognized") {
  for (const char* text : {"", "tomorrow", "PT", "R5/PT1S", "R5", "R"}) {
    CHECK(Ttl(text) == "ttl format not recognized");
  }
}

TEST_CASE("point in time: moments outside the years 1 to 9999 are errors") {
  CHECK(Due("P9999Y") == "due time \"P9999Y\" lies outside the years 1-9999");
  CHECK(Ttl("P9999Y") == "ttl \"P9999Y\" lies outside the years 1-9999");
  CHECK(Due("0000-12-31T23:59:59Z") ==
        "due time \"0000-12-31T23:59:59Z\" lies outside the years 1-9999");
  CHECK(Due("0001-01-01T00:00:00+00:01") ==
        "due time \"0001-01-01T00:00:00+00:01\" lies outside the years 1-9999");
  CHECK(Due("9999-12-31T23:59:59-00:01") ==
        "due time \"9999-12-31T23:59:59-00:01\" lies outside the years 1-9999");
  CHECK(Due("9999-12-31T23:59:59Z") == "9999-12-31T23:59:59Z");
  const auto too_late = ParseDueTime("1s", At("9999-12-31T23:59:59Z"));
  CHECK(!too_late.ok());
  const auto too_early = ParseTtl("-1ns", At("0001-01-01T00:00:00Z"));
  CHECK(!too_early.ok());
}

}  // namespace
}  // namespace belfry
