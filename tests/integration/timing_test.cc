// No trigger reaches an app before its job is due.

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/integration/http_app.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

// What a loaded machine may need beyond the due time; far more than an idle one does.
constexpr absl::Duration kLatest = absl::Seconds(5);

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

TEST_CASE("a job reaches its app at its due time and never before") {
  constexpr int kJobs = 60;
  constexpr absl::Duration kFirst = absl::Milliseconds(300);
  const absl::Duration kStep = absl::Milliseconds(500) / kJobs;
  SchedulerProcess scheduler;
  HttpApp app;
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  SchedulerClient client(scheduler.address());

  // Instants, and durations that are counted from the moment of the call.
  std::map<std::string, absl::Time> due_times;
  for (int i = 0; i < kJobs; ++i) {
    const std::string name = "job-" + std::to_string(i);
    const absl::Duration wait = kFirst + i * kStep;
    const absl::Time due = absl::Now() + wait;
    due_times["/job/" + name] = due;
    const std::string text = i % 2 == 0 ? Rfc3339(due) : absl::FormatDuration(wait);
    REQUIRE(client.Schedule(name, DueIn(text)).ok());
  }
  REQUIRE(app.WaitForJobs(kJobs));
  for (const AppRequest& request : app.jobs()) {
    const absl::Time due = due_times.at(request.target);
    INFO(request.target << " due " << Rfc3339(due) << " came " << Rfc3339(request.arrived));
    CHECK(request.arrived >= due);
    CHECK(request.arrived < due + kLatest);
  }
  CHECK(app.job_count() == kJobs);
}

TEST_CASE("the ticks of a recurring job are not early either") {
  constexpr int kTicks = 6;
  constexpr absl::Duration kPeriod = absl::Milliseconds(150);
  SchedulerProcess scheduler;
  HttpApp app;
  SidecarProcess sidecar({.scheduler = scheduler.address(), .app_port = app.port()});
  SchedulerClient client(scheduler.address());

  auto job = Recurring("@every 150ms");
  job.set_repeats(kTicks);
  const absl::Time before = absl::Now();
  REQUIRE(client.Schedule("tick", job).ok());
  REQUIRE(app.WaitForJobs(kTicks));
  const auto requests = app.jobs();
  for (int i = 0; i < kTicks; ++i) {
    // Creation is not a tick: the first one comes a period later.
    CHECK(requests[static_cast<size_t>(i)].arrived >= before + (i + 1) * kPeriod);
  }
  CHECK(Eventually([&] { return !client.Has("tick"); }));
  CHECK(app.job_count() == kTicks);
}

}  // namespace
}  // namespace belfry::integration
