#include "client/sidecar/json_job.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <catch2/catch.hpp>
#include <string>

#include "client/sidecar/well_known_types.h"

namespace belfry::sidecar {
namespace {

using dapr::proto::runtime::v1::Job;
using dapr::proto::runtime::v1::ScheduleJobRequest;

ScheduleJobRequest Parsed(const std::string& body, ApiVersion version = ApiVersion::kV1) {
  auto request = ParseScheduleBody(body, version);
  INFO(request.status().ToString());
  REQUIRE(request.ok());
  return *request;
}

std::string Shown(const Job& job) { return JobToJson(job); }

TEST_CASE("a body and what GET shows of it") {
  const auto [body, shown] = GENERATE(table<std::string, std::string>({
      {R"({"schedule":"@daily"})", R"({"schedule":"@daily"})"},
      {R"({"dueTime":"30s"})", R"({"dueTime":"30s"})"},
      {R"({"due_time":"30s"})", R"({"dueTime":"30s"})"},
      {R"({"schedule":""})", R"({"schedule":""})"},
      {R"({"ttl":"1h","dueTime":"1s","repeats":3,"schedule":"@every 1s"})",
       R"({"schedule":"@every 1s","repeats":3,"dueTime":"1s","ttl":"1h"})"},
      {R"({"repeats":"4"})", R"({"repeats":4})"},
      {R"({"repeats":5.0})", R"({"repeats":5})"},
      {R"({"repeats":5e0})", R"({"repeats":5})"},
      {R"({"repeats":4294967295})", R"({"repeats":4294967295})"},
      {R"({"repeats":0})", R"({"repeats":0})"},
      {R"({"schedule":null,"dueTime":null,"repeats":null,"ttl":null,"failurePolicy":null,
           "overwrite":null,"name":null,"job":null})",
       R"({})"},
      {R"({"unknown":{"a":1,"a":2},"scheudle":"@daily"})", R"({})"},
      {R"({"failurePolicy":{"drop":{}}})", R"({"failurePolicy":{"drop":{}}})"},
      {R"({"failure_policy":{"constant":{"interval":"3s","max_retries":5}}})",
       R"({"failurePolicy":{"constant":{"interval":"3s","maxRetries":5}}})"},
      {R"({"failurePolicy":{"constant":{"interval":"0.5s","maxRetries":"0"}}})",
       R"({"failurePolicy":{"constant":{"interval":"0.500s","maxRetries":0}}})"},
      {R"({"failurePolicy":{"constant":{}}})", R"({"failurePolicy":{"constant":{}}})"},
      {R"({"failurePolicy":{"constant":{"interval":null}}})",
       R"({"failurePolicy":{"constant":{}}})"},
      {R"({"failurePolicy":{"drop":null,"constant":{}}})", R"({"failurePolicy":{"constant":{}}})"},
      {R"({"failurePolicy":{}})", R"({"failurePolicy":{}})"},
      {"", "{}"},
      {" {} ", "{}"},
      {R"({"schedule":"<&>\u2028\"\n"})", "{\"schedule\":\"<&>\u2028\\\"\\n\"}"},
      // The nested form of the alpha1 reference.
      {R"({"job":{"schedule":"@daily","repeats":2}})", R"({"schedule":"@daily","repeats":2})"},
      {R"({"job":{}})", R"({})"},
      {R"({"job":{"dueTime":"1s"},"schedule":null})", R"({"dueTime":"1s"})"},
      {R"({"job":{"dueTime":"1s"},"other":1})", R"({"dueTime":"1s"})"},
  }));
  CAPTURE(body);
  CHECK(Shown(Parsed(body).job()) == shown);
}

TEST_CASE("bodies that are malformed") {
  const std::string body = GENERATE(
      as<std::string>(), "[{}]", "5", "null", "  ", "{", R"({"schedule":5})",
      R"({"schedule":"a","schedule":"b"})", R"({"dueTime":"1s","due_time":"1s"})",
      R"({"dueTime":"1s","due_time":null})", R"({"repeats":-1})", R"({"repeats":4294967296})",
      R"({"repeats":1.5})", R"({"repeats":" 1"})", R"({"repeats":true})", R"({"ttl":[]})",
      R"({"overwrite":"true"})", R"({"overwrite":1})", R"({"name":7})", R"({"data":{"a":1,"a":2}})",
      R"({"data":[{"b":1,"b":1}]})", R"({"data":1e400})", R"({"failurePolicy":"drop"})",
      R"({"failurePolicy":{"drop":{},"constant":{}}})", R"({"failurePolicy":{"drop":true}})",
      R"({"failurePolicy":{"constant":{"interval":"1m"}}})",
      R"({"failurePolicy":{"constant":{"interval":1}}})",
      R"({"failurePolicy":{"constant":{"maxRetries":-1}}})",
      R"({"failurePolicy":{"constant":{"maxRetries":1,"max_retries":1}}})", R"({"job":5})",
      R"({"job":{},"job":{}})", R"({"job":{"schedule":"@daily"},"schedule":"@daily"})",
      R"({"job":{"schedule":"@daily"},"due_time":"1s"})",
      R"({"job":{"schedule":"@daily"},"data":null})", R"({"job":{"schedule":"@daily"},"name":"a"})",
      R"({"job":{"schedule":"@daily","overwrite":true},"overwrite":true})",
      R"({"job":{"schedule":1}})", "{\"schedule\":\"\xff\"}", R"({"schedule":"a"} x)");
  CAPTURE(body);
  CHECK(ParseScheduleBody(body, ApiVersion::kV1).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(ParseScheduleBody(body, ApiVersion::kAlpha1).status().code() ==
        absl::StatusCode::kInvalidArgument);
}

TEST_CASE("errors name the place, the field and the value") {
  const auto [body, text] = GENERATE(table<std::string, std::string>({
      {R"({"repeats":-1})", "(line 1:12): invalid value for uint32 field repeats: -1"},
      {R"({"schedule":"@daily","repeats":-1})",
       "(line 1:32): invalid value for uint32 field repeats: -1"},
      {"{\n  \"dueTime\" : \"1s\",\n  \"ttl\": 5}",
       "(line 3:10): invalid value for string field ttl: 5"},
      {R"({"schedule":"ä\"","ttl":{}})", "(line 1:25): invalid value for string field ttl: {"},
      {R"({"overwrite":"true"})", "(line 1:14): invalid value for bool field overwrite: \"true\""},
      {R"({"ttl":"a","ttl":"b"})", "(line 1:12): duplicate field \"ttl\""},
      {R"({"data":[1,{"a":1,"a":2}]})", "(line 1:19): duplicate map key \"a\""},
      {R"({"data":[1e400]})",
       "(line 1:10): invalid google.protobuf.Value: number 1e400 is out of range"},
      {R"({"job":{"repeats":1.5}})", "(line 1:19): invalid value for uint32 field repeats: 1.5"},
      {R"({"job":{},"ttl":"1s"})", "(line 1:11): field \"ttl\" beside \"job\": put it inside"},
      {R"({"failurePolicy":{"drop":{},"constant":{}}})",
       "(line 1:29): failurePolicy has both \"drop\" and \"constant\""},
      {R"({"failurePolicy":{"constant":{"interval":"1m"}}})",
       "(line 1:42): invalid value for google.protobuf.Duration field interval: \"1m\""},
      {R"({"failurePolicy":7})", "syntax error (line 1:18): unexpected token 7"},
      {R"({"job":[]})", "syntax error (line 1:8): unexpected token ["},
      {R"([{}])", "syntax error (line 1:1): unexpected token ["},
      {"\n\"x\"", "syntax error (line 2:1): unexpected token \"x\""},
  }));
  CAPTURE(body);
  CHECK(std::string(ParseScheduleBody(body, ApiVersion::kV1).status().message()) == text);
}

TEST_CASE("an error inside the pair of a well-known type tells its place too") {
  const auto status =
      ParseScheduleBody(R"({"data":{"@type":"x/google.protobuf.BoolValue","value":"yes"}})",
                        ApiVersion::kAlpha1)
          .status();
  CHECK(std::string(status.message()) == "(line 1:56): invalid google.protobuf.BoolValue: yes");
}

TEST_CASE("overwrite may stand inside job and beside it") {
  CHECK_FALSE(Parsed(R"({"schedule":"@daily"})").overwrite());
  CHECK(Parsed(R"({"schedule":"@daily","overwrite":true})").overwrite());
  CHECK_FALSE(Parsed(R"({"overwrite":false})").overwrite());
  CHECK(Parsed(R"({"job":{"schedule":"@daily"},"overwrite":true})").overwrite());
  CHECK(Parsed(R"({"job":{"schedule":"@daily","overwrite":true}})").overwrite());
}

TEST_CASE("the name of the body is kept for the caller to refuse") {
  CHECK(Parsed(R"({"name":"x"})").job().name() == "x");
  CHECK(Parsed(R"({"job":{"name":"x"}})").job().name() == "x");
  CHECK(Parsed(R"({"name":""})").job().name().empty());
}

TEST_CASE("data of any shape is stored as a Value and shown as one") {
  const auto [data, shown] = GENERATE(table<std::string, std::string>({
      {"null", "null"},
      {"true", "true"},
      {"123", "123"},
      {"9007199254740993", "9007199254740992"},
      {"0.1", "0.1"},
      {"1e-7", "1e-7"},
      {"1E21", "1e+21"},
      {R"("text <&>")", R"("text <&>")"},
      {R"({"b":[1,{"c":null}],"a":"x"})", R"({"a":"x","b":[1,{"c":null}]})"},
      {"[]", "[]"},
      {"{}", "{}"},
  }));
  CAPTURE(data);
  const Job job = Parsed("{\"data\":" + data + "}").job();
  CHECK(job.data().type_url() == "type.googleapis.com/google.protobuf.Value");
  CHECK(JobToJson(job) ==
        R"({"data":{"@type":"type.googleapis.com/google.protobuf.Value","value":)" + shown + "}}");
}

TEST_CASE("no data is no payload") {
  CHECK_FALSE(Parsed(R"({"schedule":"@daily"})").job().has_data());
}

constexpr char kPair[] = R"({"data":{"@type":"type.googleapis.com/google.protobuf.StringValue",)"
                         R"("value":"Running spice"}})";

TEST_CASE("alpha1: the pair of a well-known type is stored as that type") {
  const Job job = Parsed(kPair, ApiVersion::kAlpha1).job();
  CHECK(job.data().type_url() == "type.googleapis.com/google.protobuf.StringValue");
  google::protobuf::StringValue text;
  REQUIRE(text.ParseFromString(job.data().value()));
  CHECK(text.value() == "Running spice");
  CHECK(JobToJson(job) == kPair);
}

TEST_CASE("v1: the same pair is an object like any other") {
  const Job job = Parsed(kPair, ApiVersion::kV1).job();
  CHECK(job.data().type_url() == "type.googleapis.com/google.protobuf.Value");
}

TEST_CASE("alpha1: other types are objects like any other") {
  const Job job =
      Parsed(R"({"data":{"@type":"type.googleapis.com/my.Type","value":1}})", ApiVersion::kAlpha1)
          .job();
  CHECK(job.data().type_url() == "type.googleapis.com/google.protobuf.Value");
}

TEST_CASE("alpha1: a pair whose value does not fit its type is malformed") {
  const std::string rest = GENERATE(
      as<std::string>(), R"(StringValue","value":5)", R"(StringValue")",
      R"(StringValue","value":"a","value":"b")", R"(Int32Value","value":2147483648)",
      R"(BoolValue","value":"true")", R"(Duration","value":"1m")", R"(Timestamp","value":"today")",
      R"(BytesValue","value":"!")", R"(Struct","value":[])", R"(ListValue","value":{})",
      R"(Empty","value":1)", R"(Any","value":{"@type":"x.Y"})", R"(Value","value":1e999)");
  const std::string body =
      R"({"data":{"@type":"type.googleapis.com/google.protobuf.)" + rest + "}}";
  CAPTURE(body);
  CHECK_FALSE(ParseScheduleBody(body, ApiVersion::kAlpha1).ok());
}

TEST_CASE("GET shows the fields in their order") {
  Job job;
  job.set_name("n");
  job.set_schedule("@daily");
  job.set_repeats(1);
  job.set_due_time("2s");
  job.set_ttl("3s");
  job.mutable_data();
  job.mutable_failure_policy()->mutable_constant()->mutable_interval()->set_seconds(1);
  job.mutable_failure_policy()->mutable_constant()->set_max_retries(3);
  CHECK(JobToJson(job) ==
        R"({"name":"n","schedule":"@daily","repeats":1,"dueTime":"2s","ttl":"3s","data":{},)"
        R"("failurePolicy":{"constant":{"interval":"1s","maxRetries":3}}})");
}

}  // namespace
}  // namespace belfry::sidecar
