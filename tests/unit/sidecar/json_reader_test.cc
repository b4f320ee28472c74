#include "client/sidecar/json_reader.h"

#include <catch2/catch.hpp>
#include <string>

#include "client/sidecar/json_numbers.h"

namespace belfry::sidecar {
namespace {

TEST_CASE("the order of members, repeated keys and the text of numbers are kept") {
  const auto value = ParseJson(R"( {"b":1.50,"a":[true,null,"x"],"b":-0e1} )");
  REQUIRE(value.ok());
  REQUIRE(value->members.size() == 3);
  CHECK(value->members[0].key == "b");
  CHECK(value->members[0].value.text == "1.50");
  CHECK(value->members[1].value.items.size() == 3);
  CHECK(value->members[2].value.text == "-0e1");
  CHECK(value->Find("a") == &value->members[1].value);
  CHECK(value->Find("c") == nullptr);
}

TEST_CASE("escapes become UTF-8") {
  const auto value = ParseJson(R"(["\u00e4\ud83d\ude00\n\"\/"])");
  REQUIRE(value.ok());
  CHECK(value->items[0].text == "\u00e4\U0001F600\n\"/");
}

TEST_CASE("what is not JSON is refused") {
  const std::string text =
      GENERATE(as<std::string>(), "", "  ", "{", "{'a':1}", "{a:1}", "[1,]", R"({"a":1,})", "{} x",
               "{}{}", "// c\n{}", "01", "+1", "1.", ".5", "0x1", "NaN", "nul", "\"\\x\"",
               "\"a\nb\"", "\"\xff\"", "\"\xc0\x80\"", R"("\ud800")", "[1 2]", "\"open");
  CAPTURE(text);
  CHECK(ParseJson(text).status().code() == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("an error tells the line and the column") {
  const auto value = ParseJson("{\n  \"a\": x}");
  CHECK(std::string(value.status().message()).find("(line 2:8)") != std::string::npos);
}

TEST_CASE("keys and values know where they begin") {
  const std::string text =
      "\n{ \"a\\\"]\" : [1 ,true,{}, \"x\\\\\"],\t\"b\":null , \"c\":{\"d\":-1}}";
  const auto value = ParseJson(text);
  REQUIRE(value.ok());
  const auto at = [&text](std::size_t offset, std::size_t size) {
    return text.substr(offset, size);
  };
  CHECK(value->offset == 1);
  const JsonValue& a = value->members[0].value;
  CHECK(at(a.key_offset, 6) == "\"a\\\"]\"");
  CHECK(at(a.offset, 2) == "[1");
  CHECK(at(a.items[0].offset, 1) == "1");
  CHECK(at(a.items[1].offset, 4) == "true");
  CHECK(at(a.items[2].offset, 2) == "{}");
  CHECK(at(a.items[3].offset, 5) == "\"x\\\\\"");
  const JsonValue& b = value->members[1].value;
  CHECK(at(b.key_offset, 3) == "\"b\"");
  CHECK(at(b.offset, 4) == "null");
  const JsonValue& d = value->members[2].value.members[0].value;
  CHECK(at(d.key_offset, 3) == "\"d\"");
  CHECK(at(d.offset, 2) == "-1");
}

TEST_CASE("a place is told as line and column, in characters") {
  const auto told = [](const absl::Status& status) {
    return std::string(WithPosition(status, "\u00e4\n\u00e4\u00e4x").message());
  };
  CHECK(told(JsonErrorAt(0, "m")) == "(line 1:1): m");
  CHECK(told(JsonErrorAt(2, "m")) == "(line 1:2): m");
  CHECK(told(JsonErrorAt(3, "m")) == "(line 2:1): m");
  CHECK(told(JsonErrorAt(7, "m")) == "(line 2:3): m");
  CHECK(told(JsonSyntaxErrorAt(7, "m")) == "syntax error (line 2:3): m");
  CHECK(told(absl::InvalidArgumentError("m")) == "m");
}

TEST_CASE("nesting has a limit") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(ParseJson(nested(400)).ok());
  CHECK_FALSE(ParseJson(nested(100000)).ok());
}

JsonValue Number(const std::string& text) {
  JsonValue value;
  value.kind = JsonValue::Kind::kNumber;
  value.text = text;
  return value;
}

TEST_CASE("whole numbers may be written in many ways") {
  for (const char* text : {"5", "5.0", "5e0", "0.5e1", "50e-1", "5.000E+0"}) {
    CAPTURE(text);
    CHECK(ToUint32(Number(text)) == 5u);
  }
  CHECK(ToUint32(Number("4294967295")) == 4294967295u);
  CHECK(ToInt64(Number("-9223372036854775808")) == std::numeric_limits<std::int64_t>::min());
  CHECK(ToUint64(Number("18446744073709551615")) == std::numeric_limits<std::uint64_t>::max());
  CHECK(ToUint32(Number("0e999")) == std::nullopt);
  for (const char* text : {"5.5", "-1", "4294967296", "1e10", "1e-1", "1e99999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(ToUint32(Number(text)));
  }
}

TEST_CASE("numbers in strings count, with nothing around them") {
  JsonValue value;
  value.kind = JsonValue::Kind::kString;
  value.text = "7.0";
  CHECK(ToUint32(value) == 7u);
  for (const char* text : {" 7", "7 ", "", "+7", "x", "\"7\"", "true"}) {
    CAPTURE(text);
    value.text = text;
    CHECK_FALSE(ToUint32(value));
  }
}

TEST_CASE("doubles are read exactly, and too large ones not at all") {
  CHECK(NumberToDouble(Number("0.1")) == 0.1);
  CHECK(NumberToDouble(Number("123456789.987654321")) == 123456789.987654321);
  CHECK(NumberToDouble(Number("9007199254740993")) == 9007199254740992.0);
  CHECK(NumberToDouble(Number("1.7976931348623157e308")) == 1.7976931348623157e308);
  CHECK(NumberToDouble(Number("1e-400")) == 0.0);
  CHECK_FALSE(NumberToDouble(Number("1e400")));
  CHECK_FALSE(NumberToDouble(Number("-1e99999")));
  CHECK_FALSE(ToFloat(Number("1e39")));
}

}  // namespace
}  // namespace belfry::sidecar
