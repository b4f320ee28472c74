// The program `belfry` against a scheduler in this process.

#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <string>
#include <thread>

#include "tests/unit/client/fake_scheduler.h"

namespace belfry {
namespace {

struct Outcome {
  int exit_code;
  std::string output;  // of both streams
};

// `arguments` go through the shell.
Outcome Run(const FakeScheduler& scheduler, const std::string& arguments) {
  const std::string command = "timeout 30 " BELFRY_BIN_DIR "/belfry --app-id shop --address " +
                              scheduler.address() + " " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  Outcome outcome{};
  char buffer[4096];
  while (const size_t size = fread(buffer, 1, sizeof(buffer), pipe)) {
    outcome.output.append(buffer, size);
  }
  const int status = pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

TEST_CASE("A call that fails is told in one line and by exit code 1") {
  FakeScheduler scheduler;
  Outcome outcome = Run(scheduler, "schedule tidy --schedule '@every 1s'");
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.output.empty());
  scheduler.SetAnswer({grpc::StatusCode::ALREADY_EXISTS, "taken"});
  outcome = Run(scheduler, "schedule tidy --schedule '@every 1s'");
  CHECK(outcome.exit_code == 1);
  CHECK(outcome.output == "belfry: schedule: ALREADY_EXISTS: taken\n");
}

TEST_CASE("watch prints triggers, answers them and ends after --count") {
  FakeScheduler scheduler;
  const bool fails = GENERATE(false, true);
  std::thread sender([&] {
    scheduler.WaitUntil([&] { return scheduler.streams() == 3; });
    scheduler.Send(0, 1, "first");
    scheduler.WaitUntil([&] { return scheduler.results().size() == 1; });
    scheduler.Send(1, 5, "second");
  });
  const Outcome outcome = Run(scheduler, fails ? "watch --count 2 --fail" : "watch --count 2");
  sender.join();
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.output == "{\"name\":\"first\"}\n{\"name\":\"second\"}\n");
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 0; }));
  const auto results = scheduler.results();
  REQUIRE(results.size() == 2);
  CHECK(results[0].id() == 1);
  CHECK(results[1].id() == 5);
  CHECK((results[1].status() == dapr::proto::scheduler::v1::FAILED) == fails);
}

}  // namespace
}  // namespace belfry
