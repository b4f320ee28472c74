#include "client/sidecar/delivery_body.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <catch2/catch.hpp>
#include <limits>
#include <string>

#include "client/sidecar/json_reader.h"
#include "client/sidecar/well_known_types.h"

namespace belfry::sidecar {
namespace {

google::protobuf::Any MakeAny(const std::string& url, const std::string& value) {
  google::protobuf::Any any;
  any.set_type_url(url);
  any.set_value(value);
  return any;
}

template <typename Message>
google::protobuf::Any Packed(const Message& message) {
  google::protobuf::Any any;
  any.PackFrom(message);
  return any;
}

std::string Body(const std::optional<google::protobuf::Any>& data) {
  const auto body = DeliveryBody(data);
  REQUIRE(body.ok());
  return *body;
}

TEST_CASE("JSON that was scheduled arrives as JSON, its keys sorted") {
  const auto [scheduled, body] = GENERATE(table<std::string, std::string>({
      {"123", "123"},
      {"\"text\"", "\"text\""},
      {"null", "null"},
      {R"({ "b" : 1e-7, "a" : [1e21, true] })", R"({"a":[1e+21,true],"b":1e-7})"},
  }));
  const auto json = ParseJson(scheduled);
  REQUIRE(json.ok());
  CHECK(Body(*JsonToValueAny(*json)) == body);
}

TEST_CASE("no payload and a Value without a kind are empty bodies") {
  CHECK(Body(std::nullopt).empty());
  CHECK(Body(Packed(google::protobuf::Value())).empty());
  CHECK(Body(google::protobuf::Any()).empty());
}

TEST_CASE("texts and bytes arrive as their content") {
  google::protobuf::StringValue text;
  text.set_value(" some data ");
  CHECK(Body(Packed(text)) == " some data ");
  google::protobuf::BytesValue bytes;
  bytes.set_value(std::string("\0\x01 ", 3));
  CHECK(Body(Packed(bytes)) == std::string("\0\x01 ", 3));
}

TEST_CASE("anything else arrives as its bytes without white space at both ends") {
  CHECK(Body(MakeAny("", " {\"a\":1}\n")) == "{\"a\":1}");
  CHECK(Body(MakeAny("dapr.io/schedule/jobpayload", "x y")) == "x y");
  google::protobuf::Int64Value number;
  number.set_value(123);
  CHECK(Body(Packed(number)) == "\b{");
  CHECK(Body(MakeAny("type.googleapis.com/google.protobuf.StringValue", "\xff")) == "\xff");
}

TEST_CASE("a Value that JSON cannot tell is an error") {
  google::protobuf::Value value;
  value.set_number_value(std::numeric_limits<double>::infinity());
  CHECK_FALSE(DeliveryBody(Packed(value)).ok());
  CHECK_FALSE(DeliveryBody(MakeAny(std::string(kValueTypeUrl), "\xff")).ok());
}

}  // namespace
}  // namespace belfry::sidecar
