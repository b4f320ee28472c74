// Exported jobs as lines of JSON, both ways.

#include "client/cli/export_line.h"

#include <catch2/catch.hpp>

#include "client/cli/unknown_fields.h"
#include "google/protobuf/unknown_field_set.h"

namespace belfry {
namespace {

void SetTime(google::protobuf::Timestamp* time, int64_t seconds, int32_t nanos = 0) {
  time->set_seconds(seconds);
  time->set_nanos(nanos);
}

void AddUnknown(google::protobuf::Message* message) {
  message->GetReflection()->MutableUnknownFields(message)->AddLengthDelimited(1000, "\xff\0 new");
}

// A reminder in the middle of its life, with everything that a job may have.
v1::ExportedJob FullJob() {
  v1::ExportedJob job;
  job.set_name("j||\n\"\xc3\xa4");
  auto* metadata = job.mutable_metadata();
  metadata->set_namespace_("ns");
  metadata->set_app_id("app");
  metadata->set_concurrency_key("key");
  metadata->mutable_target()->mutable_actor()->set_type("Type");
  metadata->mutable_target()->mutable_actor()->set_id("1");
  job.mutable_job()->set_schedule("@every 1h");
  job.mutable_job()->set_repeats(4294967295U);
  job.mutable_job()->set_due_time("10s");
  job.mutable_job()->set_ttl("48h");
  auto* constant = job.mutable_job()->mutable_failure_policy()->mutable_constant();
  constant->mutable_interval()->set_seconds(1);
  constant->mutable_interval()->set_nanos(500000001);
  constant->set_max_retries(0);
  job.mutable_job()->mutable_data()->set_type_url("type.example/x");
  job.mutable_job()->mutable_data()->set_value(std::string("\0\xff{", 3));
  SetTime(job.mutable_begin(), 1700000000, 1);
  SetTime(job.mutable_expiration(), 253402300799, 999999999);
  SetTime(job.mutable_first_due(), -62135596800);
  auto* counter = job.mutable_counter();
  counter->set_count(3);
  counter->set_attempts(2);
  SetTime(counter->mutable_last_trigger(), 1700003600, 120000000);
  SetTime(counter->mutable_tick(), 1700007200);
  SetTime(counter->mutable_next_due(), 1700007201, 5000);
  return job;
}

TEST_CASE("a job is printed with stable names, and only what it has") {
  CHECK(ExportLine(FullJob()) ==
        R"({"namespace":"ns","appId":"app","actor":{"type":"Type","id":"1"},)"
        R"("name":"j||\n\"ä","concurrencyKey":"key","schedule":"@every 1h",)"
        R"("repeats":4294967295,"dueTime":"10s","ttl":"48h",)"
        R"("failurePolicy":{"constant":{"interval":"1.500000001s","maxRetries":0}},)"
        R"("data":{"typeUrl":"type.example/x","value":"AP97"},)"
        R"("begin":"2023-11-14T22:13:20.000000001Z",)"
        R"("expiration":"9999-12-31T23:59:59.999999999Z","firstDue":"0001-01-01T00:00:00Z",)"
        R"("counter":{"count":3,"lastTrigger":"2023-11-14T23:13:20.120Z","attempts":2,)"
        R"("tick":"2023-11-15T00:13:20Z","nextDue":"2023-11-15T00:13:21.000005Z"}})");
  v1::ExportedJob bare;
  bare.set_name("j");
  bare.mutable_metadata()->set_namespace_("ns");
  bare.mutable_metadata()->set_app_id("app");
  bare.mutable_metadata()->mutable_target()->mutable_job();
  bare.mutable_job()->mutable_failure_policy()->mutable_drop();
  CHECK(ExportLine(bare) ==
        R"({"namespace":"ns","appId":"app","name":"j","failurePolicy":{"drop":{}}})");
}

TEST_CASE("what was printed reads back exactly, byte for byte") {
  v1::ExportedJob job = FullJob();
  SECTION("a reminder with everything") {}
  SECTION("a job of an app with little") {
    job.clear_counter();
    job.clear_expiration();
    job.mutable_metadata()->mutable_target()->mutable_job();
    job.mutable_metadata()->clear_concurrency_key();
    job.mutable_job()->clear_data();
    job.mutable_job()->clear_schedule();
    job.mutable_job()->clear_repeats();
    job.mutable_job()->mutable_failure_policy()->mutable_drop();
  }
  SECTION("texts that are there and empty") {
    job.mutable_job()->set_due_time("");
    job.mutable_metadata()->set_concurrency_key("");
    job.mutable_job()->mutable_data()->Clear();
    job.mutable_job()->mutable_failure_policy()->mutable_constant()->Clear();
  }
  SECTION("fields of a newer version, in every message") {
    AddUnknown(&job);
    AddUnknown(job.mutable_metadata());
    AddUnknown(job.mutable_metadata()->mutable_target()->mutable_actor());
    AddUnknown(job.mutable_job());
    AddUnknown(job.mutable_job()->mutable_data());
    AddUnknown(job.mutable_job()->mutable_failure_policy()->mutable_constant());
    AddUnknown(job.mutable_counter());
  }
  const std::string line = ExportLine(job);
  CHECK(line.find('\n') == std::string::npos);
  const auto read = ParseExportLine(line);
  INFO(line);
  INFO(read.status().ToString());
  REQUIRE(read.ok());
  CHECK(read->SerializeAsString() == job.SerializeAsString());
  CHECK(ExportLine(*read) == line);
}

TEST_CASE("a line that is none is refused, naming the field") {
  const auto [line, begin] = GENERATE(table<std::string, std::string>({
      {R"({)", "line: not JSON"},
      {R"([])", "line: not a JSON object"},
      {"{\"name\":\"\xff\"}", "line: not JSON"},
      {R"({"naem":"j"})", "naem: no such field"},
      {R"({"name":5})", "name: not a text"},
      {R"({"repeats":-1})", "repeats: not a whole number"},
      {R"({"repeats":1.5})", "repeats: not a whole number"},
      {R"({"repeats":4294967296})", "repeats: not a whole number"},
      {R"({"begin":"soon"})", "begin: \"soon\" is not"},
      {R"({"counter":[]})", "counter: not a JSON object"},
      {R"({"counter":{"count":"1"}})", "counter.count: not a whole number"},
      {R"({"counter":{"due":1}})", "counter.due: no such field"},
      {R"({"data":{"value":"?"}})", "data.value: not base64"},
      {R"({"failurePolicy":{"constant":{"interval":"1h"}}})", "failurePolicy.constant.interval: "},
      {R"({"failurePolicy":{"hope":{}}})", "failurePolicy.hope: no such field"},
      {R"({"unknownFields":{"job.nothing":""}})", "unknownFields.job.nothing: "},
      {R"({"unknownFields":{"counter":""}})", "unknownFields.counter: "},
      {R"({"unknownFields":{"job":"/w=="}})", "unknownFields.job: "},
  }));
  const auto read = ParseExportLine(line);
  INFO(line);
  INFO(read.status().ToString());
  CHECK(absl::IsInvalidArgument(read.status()));
  CHECK(std::string(read.status().message()).starts_with(begin));
}

}  // namespace
}  // namespace belfry
