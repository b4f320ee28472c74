// The example of the client library, as a user would run it.

#include <catch2/catch.hpp>
#include <string>

#include "tests/integration/process.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"

namespace belfry::integration {
namespace {

TEST_CASE("the example schedules a job and is called for each of its ticks") {
  SchedulerProcess scheduler;
  const CommandResult result =
      RunCommand("belfry-example-worker", {scheduler.address(), "example"});
  INFO(result.err);
  CHECK(result.exit_code == 0);
  const std::string line = "greeting: good morning\n";
  CHECK(result.out == line + line + line);
  SchedulerClient client(scheduler.address());
  CHECK(Eventually([&] { return client.Names(AppMetadata("example")).empty(); }));
}

}  // namespace
}  // namespace belfry::integration
