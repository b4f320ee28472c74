#include "client/sidecar/well_known_types.h"

#include <google/protobuf/struct.pb.h>

#include <catch2/catch.hpp>
#include <limits>
#include <string>

namespace belfry::sidecar {
namespace {

std::string Shown(const google::protobuf::Any& any) {
  std::string out;
  AppendAny(any, &out);
  return out;
}

google::protobuf::Any MakeAny(const std::string& url, const std::string& value) {
  google::protobuf::Any any;
  any.set_type_url(url);
  any.set_value(value);
  return any;
}

TEST_CASE("pairs of well-known types read back as they were written") {
  const auto [type, value, shown] = GENERATE(table<std::string, std::string, std::string>({
      {"StringValue", R"("a\"b")", R"("a\"b")"},
      {"BytesValue", R"("aGk")", R"("aGk=")"},
      {"BoolValue", "true", "true"},
      {"Int32Value", "-5", "-5"},
      {"Int32Value", R"("7")", "7"},
      {"UInt32Value", "4294967295", "4294967295"},
      {"Int64Value", "9007199254740993", R"("9007199254740993")"},
      {"UInt64Value", R"("18446744073709551615")", R"("18446744073709551615")"},
      {"FloatValue", "0.1", "0.1"},
      {"DoubleValue", "1e21", "1e+21"},
      {"DoubleValue", R"("NaN")", R"("NaN")"},
      {"DoubleValue", R"("-Infinity")", R"("-Infinity")"},
      {"Duration", R"("1.5s")", R"("1.500s")"},
      {"Timestamp", R"("2025-01-02T03:04:05+01:00")", R"("2025-01-02T02:04:05Z")"},
      {"FieldMask", R"("a.bC,d")", R"("a.bC,d")"},
      {"Empty", "{}", "{}"},
      {"Value", "null", "null"},
      {"Struct", R"({"b":1,"a":[true]})", R"({"a":[true],"b":1})"},
      {"ListValue", R"([1,"x"])", R"([1,"x"])"},
      {"Any", R"({"@type":"t/google.protobuf.BoolValue","value":false})",
       R"({"@type":"t/google.protobuf.BoolValue","value":false})"},
      {"Any", "{}", "{}"},
  }));
  const std::string url = "type.googleapis.com/google.protobuf." + type;
  const auto json = ParseJson("{\"value\":" + value + ",\"extra\":1,\"@type\":\"" + url + "\"}");
  REQUIRE(json.ok());
  REQUIRE(IsWellKnownPair(*json));
  const auto any = ReadWellKnownPair(*json);
  INFO(any.status().ToString());
  REQUIRE(any.ok());
  CHECK(any->type_url() == url);
  CHECK(Shown(*any) == "{\"@type\":\"" + url + "\",\"value\":" + shown + "}");
}

TEST_CASE("an Empty needs no value") {
  const auto json = ParseJson(R"({"@type":"type.googleapis.com/google.protobuf.Empty"})");
  REQUIRE(json.ok());
  CHECK(ReadWellKnownPair(*json).ok());
}

TEST_CASE("what is no pair of a well-known type") {
  const std::string text =
      GENERATE(as<std::string>(), "5", "[]", "{}", R"({"@type":5})", R"({"@type":"StringValue"})",
               R"({"@type":"type.googleapis.com/google.protobuf.Nothing","value":1})",
               R"({"@type":"type.googleapis.com/my.google.protobuf.StringValue","value":"x"})");
  const auto json = ParseJson(text);
  REQUIRE(json.ok());
  CHECK_FALSE(IsWellKnownPair(*json));
}

TEST_CASE("an empty Any is an empty object") { CHECK(Shown({}) == "{}"); }

TEST_CASE("payloads of unknown or no type are shown as base64") {
  CHECK(Shown(MakeAny("", R"({"a":1})")) == R"({"@type":"","value":"eyJhIjoxfQ=="})");
  CHECK(Shown(MakeAny("dapr.io/schedule/jobpayload", "hi")) ==
        R"({"@type":"dapr.io/schedule/jobpayload","value":"aGk="})");
}

TEST_CASE("payloads that do not fit their type are shown as base64") {
  CHECK(Shown(MakeAny("type.googleapis.com/google.protobuf.StringValue", "\xff")) ==
        R"({"@type":"type.googleapis.com/google.protobuf.StringValue","value":"/w=="})");
  // A Value without a kind, and one that is NaN, have no JSON.
  CHECK(Shown(MakeAny("type.googleapis.com/google.protobuf.Value", "")) ==
        R"({"@type":"type.googleapis.com/google.protobuf.Value","value":""})");
  google::protobuf::Value nan;
  nan.set_number_value(std::numeric_limits<double>::quiet_NaN());
  CHECK(Shown(MakeAny("type.googleapis.com/google.protobuf.Value", nan.SerializeAsString()))
            .find("\"value\":\"") != std::string::npos);
}

TEST_CASE("a payload that hides Any in Any in Any is no way to the end of the stack") {
  google::protobuf::Any any = MakeAny("type.googleapis.com/google.protobuf.BoolValue", "");
  for (int i = 0; i < 2000; ++i) {
    any = MakeAny("type.googleapis.com/google.protobuf.Any", any.SerializeAsString());
  }
  CHECK(Shown(any).ends_with("\"}}}}}}}}}}}}}}}}}"));
}

TEST_CASE("deep JSON passes both ways") {
  const std::string text = std::string(450, '[') + std::string(450, ']');
  const auto json = ParseJson(text);
  REQUIRE(json.ok());
  const auto any = JsonToValueAny(*json);
  REQUIRE(any.ok());
  CHECK(Shown(*any).find(text) != std::string::npos);
}

}  // namespace
}  // namespace belfry::sidecar
