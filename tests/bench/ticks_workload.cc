// Workload ticks.

#include "fmt/format.h"
#include "tests/bench/clock.h"
#include "tests/bench/deliveries.h"
#include "tests/bench/schedule_load.h"
#include "tests/bench/session.h"
#include "tests/bench/wakeup_probe.h"
#include "tests/bench/workloads.h"

namespace belfry::bench {
namespace {

constexpr double kExpectedRate = 5000;
constexpr double kSettleSeconds = 3;
constexpr int64_t kUsPerSecond = 1'000'000;
// A tick that has not come this long after the end counts as missing.
constexpr double kGraceSeconds = 5;

// When the jobs' first ticks are due: all at one second's begin, or spread evenly over a period.
class Phases {
 public:
  Phases(const Options& options, int64_t begin_us, int64_t period_us)
      : aligned_(options.aligned),
        begin_us_((begin_us / kUsPerSecond + 1) * kUsPerSecond),
        period_us_(period_us),
        jobs_(static_cast<double>(options.jobs)) {}

  int64_t FirstDue(uint64_t job) const {
    if (aligned_) return begin_us_;
    return begin_us_ +
           static_cast<int64_t>(static_cast<double>(job) / jobs_ * static_cast<double>(period_us_));
  }
  int64_t begin_us() const { return begin_us_; }

 private:
  const bool aligned_;
  const int64_t begin_us_;
  const int64_t period_us_;
  const double jobs_;
};

}  // namespace

absl::StatusOr<boost::json::object> RunTicks(const Options& options) {
  if (options.jobs == 0) return absl::InvalidArgumentError("--jobs 0: at least one is needed");
  auto opened = Session::Open(options, "ticks");
  if (!opened.ok()) return opened.status();
  Session& run = **opened;
  const int64_t period_us = SecondsToNs(options.period_s) / kNsPerUs;
  if (period_us <= 0) return absl::InvalidArgumentError("--period: must be above 0");
  const double lead_s = options.lead_s > 0
                            ? options.lead_s
                            : static_cast<double>(options.jobs) / kExpectedRate + kSettleSeconds;
  const Phases phases(options, (WallNs() + SecondsToNs(lead_s)) / kNsPerUs, period_us);

  Progress(fmt::format("ticks: storing {} jobs", options.jobs));
  ScheduleLoad load(
      &run, [&](uint64_t job) { return phases.FirstDue(job); }, period_us);
  const ScheduleLoad::Result stored = load.RunClosed(0, options.jobs, options.in_flight, 0);
  Deliveries deliveries(&run.maker(), options.jobs, period_us);
  if (absl::Status status = run.Watch(
          run.maker().app_id(), [&](const auto& trigger) { deliveries.Record(trigger.name()); });
      !status.ok()) {
    return status;
  }
  const int64_t wait_ns = phases.begin_us() * kNsPerUs - WallNs();
  if (wait_ns < 0) {
    run.StopWatching();
    return absl::InvalidArgumentError(fmt::format(
        "storing {} jobs took longer than {:.1f} s: give a larger --lead", options.jobs, lead_s));
  }
  // What is stored becomes quiet before anything is counted.
  SleepFor(wait_ns);
  run.BeginMeter();
  WakeupProbe probe;
  SleepFor(SecondsToNs(options.duration_s));
  const int64_t end_us = WallNs() / kNsPerUs;
  run.EndMeter();
  const Histogram& floor = probe.Stop();
  const DeliveryCounts at_end = deliveries.counts();
  uint64_t missing = deliveries.Missing(end_us, [&](uint64_t job) { return phases.FirstDue(job); });
  const int64_t deadline = MonotonicNs() + SecondsToNs(kGraceSeconds);
  while (missing > 0 && MonotonicNs() < deadline) {
    SleepFor(kNsPerMs);
    missing = deliveries.Missing(end_us, [&](uint64_t job) { return phases.FirstDue(job); });
  }

  boost::json::object& line = run.line();
  line["jobs"] = options.jobs;
  line["period_s"] = options.period_s;
  line["aligned"] = options.aligned;
  line["seconds"] = options.duration_s;
  line["received"] = at_end.received;
  line["per_s"] = static_cast<double>(at_end.received) / options.duration_s;
  line["per_s_wanted"] = static_cast<double>(options.jobs) / options.period_s;
  line["early"] = at_end.early;
  line["missing"] = missing;
  line["errors"] = stored.errors + missing + (run.StreamError().ok() ? 0U : 1U);
  line["lateness_ms"] = ToMilliseconds(at_end.lateness);
  line["floor_ms"] = ToMilliseconds(floor);
  if (const auto* wal = line.if_contains("wal_bytes"); wal != nullptr && at_end.received > 0) {
    line["wal_bytes_per_tick"] = wal->to_number<double>() / static_cast<double>(at_end.received);
  }
  run.StopWatching();
  if (absl::Status status = run.DeleteJobs(run.maker().app_id()); !status.ok()) return status;
  return line;
}

}  // namespace belfry::bench
