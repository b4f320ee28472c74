// The command line without a network: parsing, payloads and what is printed.

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "client/cli/command_line.h"
#include "client/cli/job_json.h"
#include "client/cli/payload.h"
#include "client/cli/utf8.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/wrappers.pb.h"

namespace belfry {
namespace {

// The result of parsing, with the environment that could change it removed.
struct Parsed {
  std::ostringstream out, err;
  int exit_code = -1;
  std::optional<CommandLine> line;

  explicit Parsed(const std::vector<std::string>& arguments) {
    for (const char* name : {"APP_ID", "NAMESPACE", "BELFRY_ADDRESS", "BELFRY_TLS_CA_FILE"})
      unsetenv(name);
    line = ParseCommandLine(arguments, out, err, &exit_code);
  }
};

void CheckUsageError(const std::vector<std::string>& arguments, const std::string& names) {
  const Parsed parsed(arguments);
  INFO(parsed.err.str());
  CHECK_FALSE(parsed.line.has_value());
  CHECK(parsed.exit_code == 2);
  CHECK(parsed.out.str().empty());
  CHECK(parsed.err.str().starts_with("belfry: "));
  CHECK(parsed.err.str().find('\n') == parsed.err.str().size() - 1);
  CHECK_THAT(parsed.err.str(), Catch::Contains(names));
}

TEST_CASE("schedule fills the job with what was given and nothing else") {
  const Parsed parsed({"schedule", "tidy", "--app-id", "shop", "--schedule", "@every 1s",
                       "--repeats=3", "--overwrite", "--address", "a:1,b:2"});
  REQUIRE(parsed.line.has_value());
  CHECK(parsed.line->command == Command::kSchedule);
  CHECK(parsed.line->name == "tidy");
  CHECK(parsed.line->overwrite);
  CHECK(parsed.line->client.app_id == "shop");
  CHECK(parsed.line->client.ns == "default");
  CHECK(parsed.line->client.addresses == std::vector<std::string>{"a:1", "b:2"});
  const auto& job = parsed.line->job;
  CHECK(job.schedule() == "@every 1s");
  CHECK(job.repeats() == 3);
  CHECK_FALSE(job.has_due_time());
  CHECK_FALSE(job.has_ttl());
  CHECK_FALSE(job.has_data());
  CHECK_FALSE(job.has_failure_policy());
}

TEST_CASE("An empty value is a value") {
  const Parsed parsed({"schedule", "tidy", "--app-id=shop", "--schedule=", "--due-time", ""});
  REQUIRE(parsed.line.has_value());
  CHECK(parsed.line->job.has_schedule());
  CHECK(parsed.line->job.has_due_time());
  CHECK(parsed.line->name == "tidy");
  const Parsed next({"next", "--due-time=", "@daily"});
  REQUIRE(next.line.has_value());
  CHECK(next.line->next.due_time == "");
  CHECK(next.line->next.schedule == "@daily");
  CHECK_FALSE(next.line->next.ttl.has_value());
}

TEST_CASE("Failure policies") {
  const auto policy = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"schedule", "tidy", "--app-id", "shop"});
    const Parsed parsed(arguments);
    REQUIRE(parsed.line.has_value());
    return parsed.line->job.failure_policy();
  };
  CHECK(policy({"--failure-policy", "drop"}).has_drop());
  const auto bare = policy({"--failure-policy", "constant"});
  REQUIRE(bare.has_constant());
  CHECK_FALSE(bare.constant().has_interval());
  CHECK_FALSE(bare.constant().has_max_retries());
  const auto full = policy({"--failure-policy", "constant", "--failure-interval", "1m1.5s",
                            "--failure-max-retries", "0"});
  CHECK(full.constant().interval().seconds() == 61);
  CHECK(full.constant().interval().nanos() == 500000000);
  CHECK(full.constant().has_max_retries());
  CHECK(full.constant().max_retries() == 0);
}

TEST_CASE("Options may stand on either side of the command and come from the environment") {
  const Parsed before({"--app-id", "shop", "--timeout=2s", "get", "tidy"});
  REQUIRE(before.line.has_value());
  CHECK(before.line->client.call_timeout == absl::Seconds(2));
  setenv("APP_ID", "from-env", 1);
  setenv("NAMESPACE", "space", 1);
  std::ostringstream out, err;
  int exit_code = -1;
  const auto line = ParseCommandLine({"delete-prefix", ""}, out, err, &exit_code);
  REQUIRE(line.has_value());
  CHECK(line->client.app_id == "from-env");
  CHECK(line->client.ns == "space");
  CHECK(line->name.empty());
}

TEST_CASE("Command lines that are wrong") {
  CheckUsageError({}, "subcommand");
  CheckUsageError({"frobnicate"}, "no such command: frobnicate");
  CheckUsageError({"admin", "frobnicate"}, "no such command: frobnicate");
  CheckUsageError({"list"}, "--app-id");
  CheckUsageError({"get", "--app-id", "a"}, "NAME");
  CheckUsageError({"get", "x", "y", "--app-id", "a"}, "y");
  CheckUsageError({"list", "--app-id", "a", "--timeout", "soon"}, "soon");
  CheckUsageError({"list", "--app-id", "a", "--address", "a:1,"}, "--address");
  CheckUsageError({"schedule", "x", "--app-id", "a", "--repeats", "-1"}, "repeats");
  CheckUsageError({"schedule", "x", "--app-id", "a", "--repeats", "4294967296"}, "repeats");
  CheckUsageError({"schedule", "x", "--app-id", "a", "--data", "b", "--data-json", "1"}, "--data");
  CheckUsageError({"schedule", "x", "--app-id", "a", "--data-json", "{'a':1}"}, "--data-json");
  CheckUsageError({"schedule", "x", "--app-id", "a", "--data-file", "/nowhere/at/all"}, "nowhere");
  CheckUsageError({"schedule", "x", "--app-id", "a", "--failure-policy", "hope"}, "hope");
  CheckUsageError({"schedule", "x", "--app-id", "a", "--failure-max-retries", "1"}, "constant");
  CheckUsageError({"watch", "--app-id", "a", "--count", "0"}, "--count");
}

TEST_CASE("Addresses of schedulers have a host and a port, or a scheme of gRPC's") {
  for (const char* address : {"a:1", "127.0.0.1:65535", "[::1]:50006", "a.b-c_d:50006", "dns:50006",
                              "dns:///a:1", "unix:/s", "unix:s", "ipv4:127.0.0.1:1,127.0.0.2:1"}) {
    INFO(address);
    CHECK(CheckAddress(address).ok());
  }
  for (const std::string address :
       {"", "a", "a:", "a:0", "a:65536", "a:115542", "a:1x", "a:-1", "a:+1", "a: 1", ":50006",
        "::1", "::1:50006", "[]:1", "[::1]", "[::1]:"}) {
    INFO(address);
    CHECK_THAT(std::string(CheckAddress(address).message()),
               Catch::StartsWith("\"" + address + "\""));
    CheckUsageError({"list", "--app-id", "a", "--address", address},
                    "--address \"" + address + "\"");
  }
}

TEST_CASE("TLS is on if a file or a name is given, and the files must be there") {
  CHECK_FALSE(Parsed({"list", "--app-id", "a"}).line->client.tls.has_value());
  const Parsed named({"list", "--app-id", "a", "--tls-server-name", "spiffe://td/scheduler"});
  REQUIRE(named.line.has_value());
  REQUIRE(named.line->client.tls.has_value());
  CHECK(named.line->client.tls->server_name == "spiffe://td/scheduler");
  CheckUsageError({"list", "--app-id", "a", "--tls-ca-file", "/nowhere/ca"}, "/nowhere/ca");
  CheckUsageError({"list", "--app-id", "a", "--tls-cert-file", "/nowhere/cert"}, "/nowhere/cert");
  CheckUsageError({"list", "--app-id", "a", "--tls-key-file", "/nowhere/key"}, "/nowhere/key");
  CheckUsageError({"watch", "--app-id", "a", "--tls-server-name", "a b"}, "a b");
  setenv("BELFRY_TLS_CA_FILE", "/nowhere/ca", 1);
  std::ostringstream out, err;
  int exit_code = -1;
  CHECK_FALSE(ParseCommandLine({"list", "--app-id", "a"}, out, err, &exit_code).has_value());
  CHECK(exit_code == 2);
}

TEST_CASE("Help and version are answers") {
  const Parsed help({"--help"});
  CHECK(help.exit_code == 0);
  CHECK_THAT(help.out.str(), Catch::Contains("delete-prefix"));
  const Parsed command_help({"schedule", "--help"});
  CHECK(command_help.exit_code == 0);
  CHECK_THAT(command_help.out.str(), Catch::Contains("--due-time"));
  const Parsed version({"--version"});
  CHECK(version.exit_code == 0);
  CHECK_THAT(version.out.str(), Catch::StartsWith("belfry "));
}

TEST_CASE("Text that is not UTF-8 is carried as bytes") {
  CHECK(TextPayload("caf\xC3\xA9").Is<google::protobuf::StringValue>());
  CHECK(TextPayload("caf\xE9").Is<google::protobuf::BytesValue>());
}

TEST_CASE("UTF-8 is told from other bytes") {
  for (const char* good : {"", "a", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CHECK(IsUtf8(good));
  }
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82"}) {
    CHECK_FALSE(IsUtf8(bad));
  }
}

TEST_CASE("A job is printed as one line, with what it has") {
  dapr::proto::scheduler::v1::Job job;
  CHECK(JobLine("a\"b", job) == R"({"name":"a\"b"})");
  job.set_schedule("@daily");
  job.set_repeats(2);
  job.set_due_time("10s");
  job.set_ttl("");
  *job.mutable_data() = TextPayload("hello");
  auto* constant = job.mutable_failure_policy()->mutable_constant();
  constant->mutable_interval()->set_nanos(500000000);
  constant->set_max_retries(3);
  CHECK(JobLine("tidy", job) ==
        R"({"name":"tidy","schedule":"@daily","repeats":2,"dueTime":"10s","ttl":"",)"
        R"("data":{"@type":"type.googleapis.com/google.protobuf.StringValue","value":"hello"},)"
        R"("failurePolicy":{"constant":{"interval":"0.500s","maxRetries":3}}})");
}

TEST_CASE("Payloads of all kinds are printed") {
  const auto line = [](const google::protobuf::Any& any) {
    dapr::proto::scheduler::v1::WatchJobsResponse trigger;
    trigger.set_name("n");
    *trigger.mutable_data() = any;
    return TriggerLine(trigger);
  };
  const auto value = [&](const std::string& json) {
    const auto payload = JsonPayload(json);
    REQUIRE(payload.ok());
    return line(*payload);
  };
  const std::string head = R"({"name":"n","data":{"@type":"type.googleapis.com/google.protobuf.)";
  CHECK(value(R"({"b":[1,2.5,true,null],"a":{"c":"d"}})") ==
        head + R"(Value","value":{"a":{"c":"d"},"b":[1,2.5E0,true,null]}}})");
  CHECK(value("-7") == head + R"(Value","value":-7}})");
  CHECK(line(BytesPayload("\xFF\xFE")) == head + R"(BytesValue","value":"//4="}})");
  google::protobuf::Any unknown;
  CHECK(line(unknown) == R"({"name":"n","data":{"@type":"","value":""}})");
  unknown.set_type_url("example.com/mine");
  unknown.set_value("abc");
  CHECK(line(unknown) == R"({"name":"n","data":{"@type":"example.com/mine","value":"YWJj"}})");
  CHECK_FALSE(JsonPayload("{a:1}").ok());
}

}  // namespace
}  // namespace belfry
