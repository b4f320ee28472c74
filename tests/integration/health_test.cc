// Health of a real process over HTTP.

#include <catch2/catch.hpp>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/integration/http_client.h"
#include "tests/integration/metric.h"
#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/watcher.h"

namespace belfry::integration {
namespace {

TEST_CASE("a start with an hour's backlog is ready all the time, whether the app is there or not") {
  constexpr size_t kJobs = 2000;
  SchedulerProcess scheduler({.port = FreePort(), .flags = {"--max-dispatch-wait=2s"}});
  {
    SchedulerClient client(scheduler.address());
    const std::string hour_ago =
        absl::FormatTime(absl::RFC3339_sec, absl::Now() - absl::Hours(1), absl::UTCTimeZone());
    for (size_t i = 0; i < kJobs; ++i) {
      REQUIRE(client.Schedule("job-" + std::to_string(i), DueIn(hour_ago)).ok());
    }
  }
  scheduler.Kill();
  scheduler.Start();
  const auto check = [&] {
    for (const char* path : {"/healthz", "/readyz", "/livez"}) {
      const HttpResponse response = Http(scheduler.healthz_port(), "GET", path);
      INFO(path);
      REQUIRE(response.status == 200);
      REQUIRE(response.body.empty());
    }
  };
  // Nobody is there.
  CHECK(Never([&] {
    check();
    return Metric(scheduler.metrics_port(), "belfry_scheduler_stuck_seconds") != 0;
  }));
  CHECK(Metric(scheduler.metrics_port(), "belfry_scheduler_backlog_seconds") == 0);
  // Somebody comes, and does not answer for longer than the bound.
  Watcher watcher(scheduler.address(), WatchApp("app"));
  std::vector<uint64_t> ids;
  for (size_t i = 0; i < kJobs; ++i) {
    const auto trigger = watcher.Next();
    REQUIRE(trigger.has_value());
    ids.push_back(trigger->id());
    if (i % 100 == 0) check();
  }
  CHECK(Never(
      [&] {
        check();
        return false;
      },
      std::chrono::seconds(3)));
  for (const uint64_t id : ids) watcher.Answer(id);
  SchedulerClient client(scheduler.address());
  CHECK(Eventually([&] {
    check();
    return client.Names().empty();
  }));
}

}  // namespace
}  // namespace belfry::integration
