// Workloads lateness and mixed: stored jobs that become due at a steady rate.

#include <algorithm>
#include <chrono>
#include <thread>

#include "fmt/format.h"
#include "tests/bench/clock.h"
#include "tests/bench/deliveries.h"
#include "tests/bench/disturbance.h"
#include "tests/bench/schedule_load.h"
#include "tests/bench/session.h"
#include "tests/bench/wakeup_probe.h"
#include "tests/bench/workloads.h"

namespace belfry::bench {
namespace {

constexpr double kExpectedRate = 5000;
constexpr double kSettleSeconds = 3;
constexpr int64_t kUsPerSecond = 1'000'000;
constexpr int64_t kFarSeconds = 86400;

// Jobs that are due evenly from `begin_us` on.
struct Steady {
  int64_t begin_us = 0;
  double rate = 0;
  int64_t DueUs(uint64_t job) const {
    return begin_us + static_cast<int64_t>(static_cast<double>(job) * 1e6 / rate);
  }
};

// Schedules jobs that are far away while it lives, in an open loop.
class Background {
 public:
  Background(Session* session, uint64_t first, double rate)
      : load_(session, [](uint64_t) { return WallNs() / kNsPerUs + kFarSeconds * kUsPerSecond; }) {
    if (rate <= 0) return;
    thread_ = std::thread(
        [this, first, rate] { result_ = load_.RunOpen(first, rate, INT64_MAX / 2, stop_); });
  }
  ~Background() { Stop(); }

  const ScheduleLoad::Result& Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return result_;
  }

 private:
  ScheduleLoad load_;
  ScheduleLoad::Result result_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

void ReportDeliveries(const DeliveryCounts& counts, uint64_t expected, boost::json::object* line) {
  const uint64_t missing = expected - std::min(expected, counts.received);
  (*line)["jobs"] = expected;
  (*line)["received"] = counts.received;
  (*line)["duplicates"] = counts.duplicates;
  (*line)["early"] = counts.early;
  (*line)["missing"] = missing;
}

// One stretch of jobs: stores them, waits for their times, and takes what came of them.
class Stretch {
 public:
  Stretch(Session* run, uint64_t jobs) : run_(run), deliveries_(&run->maker(), jobs, 0) {}

  Deliveries& deliveries() { return deliveries_; }

  // Stores jobs [first, end), and returns when the first is about to be due.
  absl::Status Store(const Options& options, const Steady& steady, uint64_t end) {
    Progress(fmt::format("storing {} jobs", end));
    ScheduleLoad load(run_, [&](uint64_t job) { return steady.DueUs(job); });
    const ScheduleLoad::Result stored = load.RunClosed(0, end, options.in_flight, 0);
    if (stored.errors > 0) {
      return absl::InternalError(
          fmt::format("{} of {} jobs were not stored: {}", stored.errors, end, stored.first_error));
    }
    if (WallNs() > steady.begin_us * kNsPerUs) {
      return absl::InvalidArgumentError(
          fmt::format("storing {} jobs took too long: give a larger --lead", end));
    }
    return run_->Watch(run_->maker().app_id(),
                       [this](const auto& trigger) { deliveries_.Record(trigger.name()); });
  }

 private:
  Session* const run_;
  Deliveries deliveries_;
};

Steady Begin(const Options& options, uint64_t jobs) {
  const double lead_s = options.lead_s > 0
                            ? options.lead_s
                            : static_cast<double>(jobs) / kExpectedRate + kSettleSeconds;
  return {(WallNs() + SecondsToNs(lead_s)) / kNsPerUs, options.rate};
}

void WaitUntilWall(int64_t wall_us) {
  const int64_t ns = wall_us * kNsPerUs - WallNs();
  if (ns > 0) SleepFor(ns);
}

}  // namespace

absl::StatusOr<boost::json::object> RunLateness(const Options& options) {
  if (options.rate <= 0) return absl::InvalidArgumentError("--rate 0: must be above 0");
  auto opened = Session::Open(options, "lateness");
  if (!opened.ok()) return opened.status();
  Session& run = **opened;
  const auto jobs = static_cast<uint64_t>(options.rate * options.duration_s);
  const Steady steady = Begin(options, jobs);
  Stretch stretch(&run, jobs);
  if (absl::Status status = stretch.Store(options, steady, jobs); !status.ok()) return status;
  WaitUntilWall(steady.begin_us);

  run.BeginMeter();
  WakeupProbe probe;
  Background background(&run, jobs, options.schedule_rate);
  WaitUntilWall(steady.DueUs(jobs));
  const ScheduleLoad::Result scheduled = background.Stop();
  const Histogram& floor = probe.Stop();
  stretch.deliveries().WaitFor(jobs, SecondsToNs(options.timeout_s));
  run.WaitForAnswers(SecondsToNs(options.timeout_s));
  run.EndMeter();

  boost::json::object& line = run.line();
  const DeliveryCounts counts = stretch.deliveries().counts();
  line["rate_wanted"] = options.rate;
  ReportDeliveries(counts, jobs, &line);
  line["errors"] =
      scheduled.errors + line["missing"].as_uint64() + (run.StreamError().ok() ? 0U : 1U);
  line["lateness_ms"] = ToMilliseconds(counts.lateness);
  line["floor_ms"] = ToMilliseconds(floor);
  if (options.schedule_rate > 0) ReportCalls(scheduled, "schedule", &line);
  run.StopWatching();
  if (absl::Status status = run.DeleteJobs(run.maker().app_id()); !status.ok()) return status;
  return line;
}

absl::StatusOr<boost::json::object> RunMixed(const Options& options) {
  if (options.rate <= 0) return absl::InvalidArgumentError("--rate 0: must be above 0");
  auto opened = Session::Open(options, "mixed");
  if (!opened.ok()) return opened.status();
  Session& run = **opened;
  Disturbance disturbance(options, run.maker().app_id() + "-other");
  if (absl::Status status = disturbance.Store(); !status.ok()) return status;
  const auto jobs = static_cast<uint64_t>(options.rate * options.duration_s);
  const Steady steady = Begin(options, jobs);
  Stretch stretch(&run, jobs);
  if (absl::Status status = stretch.Store(options, steady, jobs); !status.ok()) return status;
  WaitUntilWall(steady.begin_us);

  run.BeginMeter();
  WakeupProbe probe;
  Background background(&run, jobs, options.schedule_rate);
  const int64_t middle_us = steady.DueUs(jobs / 2);
  WaitUntilWall(middle_us);
  // The first half's histogram; from here on only the second half's ticks enter another.
  const Histogram quiet = stretch.deliveries().TakeLateness();
  disturbance.Start();
  WaitUntilWall(steady.DueUs(jobs));
  const Disturbance::Counts done = disturbance.Stop();
  const ScheduleLoad::Result scheduled = background.Stop();
  const Histogram& floor = probe.Stop();
  stretch.deliveries().WaitFor(jobs, SecondsToNs(options.timeout_s));
  run.WaitForAnswers(SecondsToNs(options.timeout_s));
  run.EndMeter();

  boost::json::object& line = run.line();
  const DeliveryCounts counts = stretch.deliveries().counts();
  line["rate_wanted"] = options.rate;
  line["other_jobs"] = options.other_jobs;
  ReportDeliveries(counts, jobs, &line);
  line["errors"] = scheduled.errors + done.errors + line["missing"].as_uint64() +
                   (run.StreamError().ok() ? 0U : 1U);
  if (done.errors > 0) line["first_error"] = done.first_error;
  line["lists"] = done.lists;
  line["listed"] = done.listed;
  line["list_ms"] = ToMilliseconds(done.list_time);
  line["prefix_deletes"] = done.prefix_deletes;
  line["prefix_delete_ms"] = ToMilliseconds(done.delete_time);
  line["quiet_lateness_ms"] = ToMilliseconds(quiet);
  line["busy_lateness_ms"] = ToMilliseconds(counts.lateness);
  line["floor_ms"] = ToMilliseconds(floor);
  if (options.schedule_rate > 0) ReportCalls(scheduled, "schedule", &line);
  run.StopWatching();
  if (absl::Status status = run.DeleteJobs(run.maker().app_id()); !status.ok()) return status;
  return line;
}

}  // namespace belfry::bench
