// Workloads schedule and load.

#include "fmt/format.h"
#include "tests/bench/clock.h"
#include "tests/bench/schedule_load.h"
#include "tests/bench/session.h"
#include "tests/bench/workloads.h"

namespace belfry::bench {
namespace {

// Spreads due times over a span: numbers that follow each other lie far apart.
int64_t SpreadUs(uint64_t number, int64_t span_us) {
  if (span_us <= 0) return 0;
  return static_cast<int64_t>((number + 1) * 0x9E3779B97F4A7C15U >> 1) % span_us;
}

absl::StatusOr<boost::json::object> Run(const Options& options, const std::string& workload,
                                        uint64_t jobs) {
  auto session = Session::Open(options, workload);
  if (!session.ok()) return session.status();
  Session& run = **session;
  const int64_t from_us = (WallNs() + SecondsToNs(options.due_from_s)) / kNsPerUs;
  const int64_t spread_us = SecondsToNs(options.due_spread_s) / kNsPerUs;
  ScheduleLoad load(&run, [=](uint64_t job) { return from_us + SpreadUs(job, spread_us); });

  run.BeginMeter();
  ScheduleLoad::Result result;
  if (options.rate > 0 && jobs == 0) {
    const std::atomic<bool> never{false};
    run.line()["rate_wanted"] = options.rate;
    result = load.RunOpen(0, options.rate, SecondsToNs(options.duration_s), never);
  } else {
    run.line()["in_flight"] = options.in_flight;
    result = load.RunClosed(0, jobs, options.in_flight, SecondsToNs(options.duration_s));
  }
  run.EndMeter();
  run.line()["app_id"] = run.maker().app_id();
  run.line()["run"] = run.maker().run();
  run.line()["seconds"] = result.seconds;
  ReportCalls(result, "schedule", &run.line());
  return run.line();
}

}  // namespace

absl::StatusOr<boost::json::object> RunSchedule(const Options& options) {
  return Run(options, "schedule", 0);
}

absl::StatusOr<boost::json::object> RunLoad(const Options& options) {
  if (options.jobs == 0) return absl::InvalidArgumentError("--jobs 0: at least one is needed");
  return Run(options, "load", options.jobs);
}

}  // namespace belfry::bench
