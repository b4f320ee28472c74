#include "client/sidecar/json_text.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "client/sidecar/field_mask_text.h"
#include "client/sidecar/time_text.h"
#include "client/sidecar/white_space.h"

namespace belfry::sidecar {
namespace {

std::string NumberText(double value) {
  std::string out;
  AppendJsonNumber(&out, value);
  return out;
}

TEST_CASE("numbers are written as Go writes them") {
  const auto [value, text] = GENERATE(table<double, std::string>({
      {0.0, "0"},
      {-0.0, "-0"},
      {5, "5"},
      {-12.5, "-12.5"},
      {0.1, "0.1"},
      {1e-6, "0.000001"},
      {1.5e-6, "0.0000015"},
      {1e-7, "1e-7"},
      {-2.5e-10, "-2.5e-10"},
      {1e20, "100000000000000000000"},
      {1e21, "1e+21"},
      {1.25e100, "1.25e+100"},
      {12345678901234567890.0, "12345678901234567000"},
      {9007199254740992.0, "9007199254740992"},
      {3.141592653589793, "3.141592653589793"},
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
  }));
  CHECK(NumberText(value) == text);
}

TEST_CASE("floats are as short as they can be") {
  std::string out;
  AppendJsonNumber(&out, 0.1f);
  CHECK(out == "0.1");
}

TEST_CASE("strings are escaped no more than needed") {
  std::string out;
  AppendJsonString(&out, std::string("a\"\\\b\f\n\r\t\x01/<>&\x7f\u00e4\u2028"));
  CHECK(out == "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001/<>&\x7f\u00e4\u2028\"");
}

TEST_CASE("strings of error bodies are also safe in HTML") {
  std::string out;
  AppendGoJsonString(&out, "<a href='x'>&\u2028\u2029\xff\u00e4");
  CHECK(out == "\"\\u003ca href='x'\\u003e\\u0026\\u2028\\u2029\\ufffd\u00e4\"");
}

TEST_CASE("UTF-8 is told from what is not") {
  CHECK(IsUtf8("a\u00e4\u20ac\U0001F600"));
  for (const char* text :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80", "\x80", "a\xc3"}) {
    CHECK_FALSE(IsUtf8(text));
  }
}

TEST_CASE("base64 is read in both alphabets, padded or not") {
  std::string bytes;
  CHECK(Base64(std::string("\xfb\xff\x00", 3)) == "+/8A");
  CHECK(ParseBase64("+/8A", &bytes));
  CHECK(bytes == std::string("\xfb\xff\x00", 3));
  CHECK(ParseBase64("-_8A", &bytes));
  CHECK(bytes == std::string("\xfb\xff\x00", 3));
  CHECK(ParseBase64("aGk=", &bytes));
  CHECK(ParseBase64("aGk", &bytes));
  CHECK(bytes == "hi");
  CHECK_FALSE(ParseBase64("!!", &bytes));
}

TEST_CASE("durations") {
  const auto [text, seconds, nanos] = GENERATE(table<std::string, std::int64_t, std::int32_t>({
      {"3s", 3, 0},
      {"0s", 0, 0},
      {"1.5s", 1, 500'000'000},
      {".25s", 0, 250'000'000},
      {"-0.000000001s", 0, -1},
      {"+2s", 2, 0},
      {"315576000000s", 315'576'000'000, 0},
  }));
  const auto parsed = ParseDurationText(text);
  REQUIRE(parsed);
  CHECK(parsed->seconds == seconds);
  CHECK(parsed->nanos == nanos);

  const std::string bad =
      GENERATE(as<std::string>(), "", "s", "1m", "1", "1.s", "1.0000000001s", "01s", " 1s", "1s ",
               "1e3s", "--1s", "315576000001s", "99999999999999999999s", "1S");
  CAPTURE(bad);
  CHECK_FALSE(ParseDurationText(bad));
}

TEST_CASE("durations have 0, 3, 6 or 9 fraction digits") {
  CHECK(DurationText({1, 0}) == "1s");
  CHECK(DurationText({1, 500'000'000}) == "1.500s");
  CHECK(DurationText({0, 1'000}) == "0.000001s");
  CHECK(DurationText({0, -1}) == "-0.000000001s");
  CHECK(DurationText({-2, -500'000'000}) == "-2.500s");
  CHECK_FALSE(DurationText({1, -1}));
  CHECK_FALSE(DurationText({0, 1'000'000'000}));
}

TEST_CASE("timestamps") {
  const auto parsed = ParseTimestampText("2025-02-28T23:30:00.5-01:00");
  REQUIRE(parsed);
  CHECK(TimestampText(*parsed) == "2025-03-01T00:30:00.500Z");
  CHECK(TimestampText({-62'135'596'800, 0}) == "0001-01-01T00:00:00Z");
  CHECK(TimestampText({253'402'300'799, 999'999'999}) == "9999-12-31T23:59:59.999999999Z");
  CHECK_FALSE(TimestampText({253'402'300'800, 0}));
  const std::string bad =
      GENERATE(as<std::string>(), "", "2025-02-30T00:00:00Z", "2025-13-01T00:00:00Z",
               "2025-01-01 00:00:00Z", "2025-01-01T00:00:00", "2025-01-01T24:00:00Z",
               "2025-01-01T00:00:00.Z", "2025-01-01T00:00:00Zx", "0000-01-01T00:00:00Z",
               "9999-12-31T23:59:59-01:00", "2025-01-01T00:00:00+24:00");
  CAPTURE(bad);
  CHECK_FALSE(ParseTimestampText(bad));
}

TEST_CASE("field masks change between snake and camel case") {
  google::protobuf::FieldMask mask;
  REQUIRE(ParseFieldMaskText("user.displayName,photo", &mask));
  CHECK(mask.paths(0) == "user.display_name");
  CHECK(FieldMaskText(mask) == "user.displayName,photo");
  google::protobuf::FieldMask bad;
  bad.add_paths("a_1");
  CHECK_FALSE(FieldMaskText(bad));
  CHECK_FALSE(ParseFieldMaskText("a,,b", &mask));
  CHECK_FALSE(ParseFieldMaskText("snake_case", &mask));
}

TEST_CASE("white space of all of Unicode is trimmed") {
  CHECK(TrimWhiteSpace(" \t\n\v\f\r a b\u00a0\u2003 ") == "a b");
  CHECK(TrimWhiteSpace("\u3000") == "");
  CHECK(TrimWhiteSpace("\x85x\xa0") == "\x85x\xa0");
  // What is left of a string's protobuf bytes is its text: tag and length are white space.
  CHECK(TrimWhiteSpace("\x0a\x0bhello world") == "hello world");
}

}  // namespace
}  // namespace belfry::sidecar
