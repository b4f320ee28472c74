#include "scheduler/schedule/go_duration.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>

#include "tests/unit/schedule/times.h"

namespace belfry {
namespace {

// In nanoseconds.
int64_t Parsed(std::string_view text) {
  const auto duration = ParseGoDuration(text);
  INFO(text);
  INFO(Message(duration.status()));
  REQUIRE(duration.ok());
  return absl::ToInt64Nanoseconds(*duration);
}

std::string Error(std::string_view text) { return Message(ParseGoDuration(text).status()); }

TEST_CASE("Go duration: units, signs and fractions") {
  CHECK(Parsed("0") == 0);
  CHECK(Parsed("+0") == 0);
  CHECK(Parsed("-0") == 0);
  CHECK(Parsed("0s") == 0);
  CHECK(Parsed("5ns") == 5);
  CHECK(Parsed("5us") == 5'000);
  CHECK(Parsed("5\u00b5s") == 5'000);
  CHECK(Parsed("5\u03bcs") == 5'000);
  CHECK(Parsed("5ms") == 5'000'000);
  CHECK(Parsed("5s") == 5'000'000'000);
  CHECK(Parsed("5m") == 300'000'000'000);
  CHECK(Parsed("5h") == 18'000'000'000'000);
  CHECK(Parsed("1h2m3s4ms5us6ns") == 3'723'004'005'006);
  CHECK(Parsed("1s1h1s") == 3'602'000'000'000);
  CHECK(Parsed("-1h30m") == -5'400'000'000'000);
  CHECK(Parsed("+1.5h") == 5'400'000'000'000);
  CHECK(Parsed(".5s") == 500'000'000);
  CHECK(Parsed("1.s") == 1'000'000'000);
  CHECK(Parsed("0.9ns") == 0);
  CHECK(Parsed("0.3333333333333333333h") == 1'200'000'000'000);
  CHECK(Parsed("0.100000000000000000000h") == 360'000'000'000);
  CHECK(Parsed("0.0000000000000000000000000001h") == 0);
  CHECK(Parsed("52763797000ns") == 52'763'797'000);
}

TEST_CASE("Go duration: the range is exactly that of 64 bits of nanoseconds") {
  CHECK(Parsed("9223372036854775807ns") == std::numeric_limits<int64_t>::max());
  CHECK(Parsed("9223372036.854775807s") == std::numeric_limits<int64_t>::max());
  CHECK(Parsed("-9223372036854775808ns") == std::numeric_limits<int64_t>::min());
  CHECK(Parsed("-9223372036854775807ns") == -std::numeric_limits<int64_t>::max());
  CHECK(Error("9223372036854775808ns") == "duration \"9223372036854775808ns\" is out of range");
  for (const char* text : {"-9223372036854775809ns", "9223372036854775.808us", "2562047h47m16.9s",
                           "3000000h", "99999999999999999999h", "1000000h1000000h1000000h"}) {
    INFO(text);
    CHECK_THAT(Error(text), Catch::EndsWith("is out of range"));
  }
}

TEST_CASE("Go duration: what is wrong is said") {
  CHECK(Error("1") == "duration \"1\" has no unit");
  CHECK(Error("1h30") == "duration \"1h30\" has no unit");
  CHECK(Error("1d") == "duration \"1d\" has an unknown unit \"d\"");
  CHECK(Error("1H") == "duration \"1H\" has an unknown unit \"H\"");
  CHECK(Error("1h 30m") == "duration \"1h 30m\" has an unknown unit \"h \"");
  CHECK(Error("1\xb5s") == "duration \"1\\xb5s\" has an unknown unit \"\\xb5s\"");
  for (const char* text :
       {"", "+", "-", "s", ".", ".s", "-.s", "--1s", "+-1s", " 1s", "1s-1s", "h1"}) {
    INFO(text);
    CHECK_THAT(Error(text),
               Catch::Contains("is not a number with a unit") || Catch::Contains("unknown unit"));
  }
  CHECK(!ParseGoDuration("1e3s").ok());
  CHECK(!ParseGoDuration("1s ").ok());
  CHECK(!ParseGoDuration("1,5s").ok());
}

}  // namespace
}  // namespace belfry
