// Workload burst.

#include "fmt/format.h"
#include "tests/bench/clock.h"
#include "tests/bench/deliveries.h"
#include "tests/bench/schedule_load.h"
#include "tests/bench/session.h"
#include "tests/bench/workloads.h"

namespace belfry::bench {
namespace {

// How long storing the jobs is expected to take if nobody says: this many a second, and a pause
// in which the server can settle.
constexpr double kExpectedRate = 5000;
constexpr double kSettleSeconds = 3;

}  // namespace

absl::StatusOr<boost::json::object> RunBurst(const Options& options) {
  if (options.jobs == 0) return absl::InvalidArgumentError("--jobs 0: at least one is needed");
  auto opened = Session::Open(options, "burst");
  if (!opened.ok()) return opened.status();
  Session& run = **opened;
  const double lead_s = options.lead_s > 0
                            ? options.lead_s
                            : static_cast<double>(options.jobs) / kExpectedRate + kSettleSeconds;
  // One instant of both clocks.
  const int64_t due_us = (WallNs() + SecondsToNs(lead_s)) / kNsPerUs;
  const int64_t due_monotonic = MonotonicNs() + due_us * kNsPerUs - WallNs();

  Progress(fmt::format("burst: storing {} jobs, due in {:.1f} s", options.jobs, lead_s));
  ScheduleLoad load(&run, [due_us](uint64_t) { return due_us; });
  const ScheduleLoad::Result stored = load.RunClosed(0, options.jobs, options.in_flight, 0);
  if (stored.errors > 0) {
    return absl::InternalError(fmt::format("{} of {} jobs were not stored: {}", stored.errors,
                                           options.jobs, stored.first_error));
  }
  Deliveries deliveries(&run.maker(), options.jobs, 0);
  if (absl::Status status = run.Watch(
          run.maker().app_id(), [&](const auto& trigger) { deliveries.Record(trigger.name()); });
      !status.ok()) {
    return status;
  }
  if (MonotonicNs() > due_monotonic) {
    run.StopWatching();
    return absl::InvalidArgumentError(fmt::format(
        "storing {} jobs took longer than {:.1f} s: give a larger --lead", options.jobs, lead_s));
  }
  SleepUntil(due_monotonic);
  run.BeginMeter();
  int64_t end = 0;
  const DeliveryCounts counts = run.FinishDeliveries(&deliveries, options.jobs, &end);

  boost::json::object& line = run.line();
  line["last_handler_s"] = SecondsBetween(due_monotonic, counts.last_ns);
  line["last_ack_s"] = SecondsBetween(due_monotonic, end);
  line["per_s"] = static_cast<double>(counts.received) / SecondsBetween(due_monotonic, end);
  line["stored_per_s"] = stored.rate();
  run.StopWatching();
  return line;
}

}  // namespace belfry::bench
