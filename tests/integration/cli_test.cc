// The command line against a real scheduler, and `belfry next` by itself.

#include <signal.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"

namespace belfry::integration {
namespace {

struct Cli {
  SchedulerProcess scheduler;

  std::vector<std::string> Common() const {
    return {"--address=" + scheduler.address(), "--app-id=shop"};
  }
  CommandResult Run(std::vector<std::string> arguments) const {
    const auto common = Common();
    arguments.insert(arguments.begin(), common.begin(), common.end());
    return RunCommand("belfry", arguments);
  }
};

void CheckPrints(const CommandResult& result, const std::string& out) {
  CHECK(result.err == "");
  CHECK(result.out == out);
  CHECK(result.exit_code == 0);
}

void CheckFails(const CommandResult& result, int exit_code, const std::string& words) {
  INFO(result.err);
  CHECK(result.exit_code == exit_code);
  CHECK(result.out == "");
  CHECK_THAT(result.err, Catch::Contains(words));
  // One line.
  CHECK(result.err.find('\n') == result.err.size() - 1);
}

TEST_CASE("belfry schedules, shows, lists and deletes jobs") {
  const Cli cli;
  const std::string policy = R"("failurePolicy":{"constant":{"interval":"1s","maxRetries":3}}})";
  CheckPrints(
      cli.Run({"schedule", "tidy", "--schedule", "@every 1h", "--repeats", "3", "--data", "hello"}),
      "");
  const std::string tidy =
      R"({"name":"tidy","schedule":"@every 1h","repeats":3,)"
      R"("data":{"@type":"type.googleapis.com/google.protobuf.StringValue","value":"hello"},)" +
      policy + "\n";
  CheckPrints(cli.Run({"get", "tidy"}), tidy);
  CheckFails(cli.Run({"schedule", "tidy", "--schedule", "@every 1h"}), 1, "ALREADY_EXISTS");
  CheckPrints(cli.Run({"schedule", "a b", "--due-time", "1h", "--data-json", R"({"b":[1]})",
                       "--failure-policy", "drop"}),
              "");
  CheckPrints(cli.Run({"list"}), R"({"name":"a b","dueTime":"1h",)"
                                 R"("data":{"@type":"type.googleapis.com/google.protobuf.Value",)"
                                 R"("value":{"b":[1]}},"failurePolicy":{"drop":{}}})"
                                 "\n" +
                                     tidy);
  CheckPrints(cli.Run({"schedule", "tidy", "--due-time", "2h", "--overwrite"}), "");
  CheckPrints(cli.Run({"get", "tidy"}), R"({"name":"tidy","dueTime":"2h",)" + policy + "\n");
  // Another namespace is another world.
  CheckPrints(cli.Run({"--namespace", "other", "list"}), "");

  CheckPrints(cli.Run({"delete", "a b"}), "");
  CheckPrints(cli.Run({"delete", "a b"}), "");
  CheckFails(cli.Run({"get", "a b"}), 1, "belfry: get: NOT_FOUND: job not found: a b");
  for (const char* name : {"day-1", "day-2"}) {
    CheckPrints(cli.Run({"schedule", name, "--schedule", "@daily"}), "");
  }
  CheckPrints(cli.Run({"delete-prefix", "day-"}), "");
  SchedulerClient client(cli.scheduler.address());
  CHECK(client.Names(AppMetadata("shop")) == std::vector<std::string>{"tidy"});
  CheckPrints(cli.Run({"delete-prefix", ""}), "");
  CheckPrints(cli.Run({"list"}), "");
}

TEST_CASE("belfry tells what the scheduler refuses, and that there is none") {
  const Cli cli;
  CheckFails(cli.Run({"schedule", "bad", "--schedule", "61 * * * * *"}), 1,
             "INVALID_ARGUMENT: job failed validation: schedule \"61 * * * * *\": second 61");
  CheckFails(cli.Run({"schedule", "bad"}), 1, "job must have either a due time or a schedule");
  CheckFails(cli.Run({"schedule", "a/b", "--due-time", "1h"}), 1, "INVALID_ARGUMENT");
  CheckFails(cli.Run({"schedule", "bad", "--failure-policy", "hope"}), 2, "hope");

  const std::string nowhere = "--address=" + LoopbackAddress(FreePort());
  CheckFails(RunCommand("belfry", {nowhere, "--app-id=shop", "--timeout=300ms", "get", "tidy"}), 1,
             "within 300ms: failed to connect");
  CheckFails(RunCommand("belfry", {nowhere, "--app-id=shop", "list"}), 1, "UNAVAILABLE");
  CheckFails(RunCommand("belfry", {nowhere, "list"}), 2, "--app-id");
  // The environment stands in for the options.
  CheckPrints(RunCommand("belfry", {"schedule", "env", "--due-time=1h"},
                         {{"BELFRY_ADDRESS", cli.scheduler.address()},
                          {"APP_ID", "shop"},
                          {"NAMESPACE", "space"}}),
              "");
  SchedulerClient client(cli.scheduler.address());
  CHECK(client.Has("env", AppMetadata("shop", "space")));
}

TEST_CASE("belfry watch prints and answers triggers") {
  const Cli cli;
  const TempDir dir;
  SchedulerClient client(cli.scheduler.address());
  auto job = WithText(Recurring("@every 10ms"), "hello");
  job.set_repeats(2);
  REQUIRE(client.Schedule("tick", job, AppMetadata("shop")).ok());
  CheckPrints(cli.Run({"watch", "--count", "2"}),
              R"({"name":"tick","data":{"@type":"type.googleapis.com/google.protobuf.StringValue",)"
              R"("value":"hello"}})"
              "\n"
              R"({"name":"tick","data":{"@type":"type.googleapis.com/google.protobuf.StringValue",)"
              R"("value":"hello"}})"
              "\n");
  CHECK(Eventually([&] { return client.Names(AppMetadata("shop")).empty(); }));

  REQUIRE(client.Schedule("fails", WithRetries(DueIn("0s"), 1, 10), AppMetadata("shop")).ok());
  CheckPrints(cli.Run({"watch", "--fail", "--count", "2"}),
              "{\"name\":\"fails\"}\n{\"name\":\"fails\"}\n");
  CHECK(Eventually([&] { return client.Names(AppMetadata("shop")).empty(); }));

  // Without a count it goes on until it is told to end.
  auto arguments = cli.Common();
  arguments.push_back("watch");
  Process watch({"belfry", arguments, {}, dir / "out", dir / "err"});
  REQUIRE(client.Schedule("job", DueIn("0s"), AppMetadata("shop")).ok());
  CHECK(Eventually([&] { return ReadFile(dir / "out") == "{\"name\":\"job\"}\n"; }));
  watch.Signal(SIGTERM);
  CHECK(watch.Wait() == 0);
  CHECK(ReadFile(dir / "err") == "");
}

// With an output that takes nothing.
CommandResult RunWithFullOutput(const std::vector<std::string>& arguments) {
  const TempDir dir;
  Process process({"belfry", arguments, {}, "/dev/full", dir / "err"});
  const std::optional<int> exit_code = process.Wait();
  REQUIRE(exit_code.has_value());
  return {*exit_code, "", ReadFile(dir / "err"), process.peak_bytes()};
}

TEST_CASE("belfry fails if it cannot print, and answers no trigger that it did not print") {
  const Cli cli;
  const TempDir dir;
  SchedulerClient client(cli.scheduler.address());
  REQUIRE(client.Schedule("job", DueIn("1h"), AppMetadata("shop")).ok());
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"list"}, {"get", "job"}, {"next", "@daily"}}) {
    std::vector<std::string> arguments = cli.Common();
    arguments.insert(arguments.end(), command.begin(), command.end());
    CheckFails(RunWithFullOutput(arguments), 1, command.front() + ": the output cannot be written");
  }
  REQUIRE(client.Schedule("due", DueIn("0s"), AppMetadata("shop")).ok());
  std::vector<std::string> watch = cli.Common();
  watch.push_back("watch");
  CheckFails(RunWithFullOutput(watch), 1, "watch: the output cannot be written");
  CHECK(client.Has("due", AppMetadata("shop")));
  CheckPrints(cli.Run({"watch", "--count=1"}), "{\"name\":\"due\"}\n");
}

CommandResult Next(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"next", "--from", "2024-02-28T23:59:00Z"});
  return RunCommand("belfry", arguments);
}

TEST_CASE("belfry next prints the ticks that a job would have") {
  CheckPrints(Next({"--count", "3", "0 0 12 29 2 *"}),
              "2024-02-29T12:00:00Z\n2028-02-29T12:00:00Z\n2032-02-29T12:00:00Z\n");
  CheckPrints(Next({"--due-time", "1s", "--repeats", "2", "@every 5s"}),
              "2024-02-28T23:59:01Z\n2024-02-28T23:59:06Z\n");
  CheckPrints(Next({"--ttl", "3s", "@every 1s"}),
              "2024-02-28T23:59:01Z\n2024-02-28T23:59:02Z\n2024-02-28T23:59:03Z\n");
  CheckPrints(Next({"--due-time", "2024-03-01T01:00:00+02:00"}), "2024-02-29T23:00:00Z\n");
  CheckPrints(Next({"--due-time", "P1M"}), "2024-03-28T23:59:00Z\n");
  CheckPrints(Next({"--count", "2", "@every 1.5s"}),
              "2024-02-28T23:59:01.5Z\n2024-02-28T23:59:03Z\n");
  CheckPrints(Next({"--count", "1", "TZ=Europe/Berlin 0 30 2 31 3 *"}), "2025-03-31T00:30:00Z\n");
  CheckPrints(Next({"--count", "1", "0 0 0 * * 7"}), "2024-03-03T00:00:00Z\n");
  // None before the end of its life.
  CheckPrints(Next({"--ttl", "1s", "@daily"}), "");
}

TEST_CASE("belfry next names what is wrong and exits with 2") {
  CheckFails(Next({}), 2, "job must have either a due time or a schedule");
  CheckFails(Next({"61 * * * * *"}), 2, "schedule \"61 * * * * *\"");
  CheckFails(Next({""}), 2, "schedule");
  CheckFails(Next({"0 0 0 30 2 *"}), 2, "never fires");
  CheckFails(Next({"TZ=Nowhere/Land 0 0 0 * * *"}), 2, "Nowhere/Land");
  CheckFails(Next({"--due-time", "soon"}), 2, "--due-time \"soon\"");
  CheckFails(Next({"--due-time="}), 2, "--due-time");
  CheckFails(Next({"--ttl", "soon", "@daily"}), 2, "--ttl \"soon\"");
  CheckFails(Next({"--due-time", "2h", "--ttl", "2024-02-28T23:59:01Z", "@daily"}), 2, "--ttl");
  CheckFails(Next({"--repeats", "0", "@daily"}), 2, "--repeats \"0\"");
  CheckFails(Next({"--repeats", "many", "@daily"}), 2, "--repeats \"many\"");
  CheckFails(Next({"--count", "0", "@daily"}), 2, "--count \"0\"");
  CheckFails(RunCommand("belfry", {"next", "--from", "yesterday", "@daily"}), 2,
             "--from \"yesterday\"");
  CheckFails(Next({"@daily", "@hourly"}), 2, "@hourly");
}

}  // namespace
}  // namespace belfry::integration
