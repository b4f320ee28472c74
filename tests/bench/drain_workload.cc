// Workload drain: an app that comes, maybe late, for jobs that were loaded before.

#include "tests/bench/clock.h"
#include "tests/bench/deliveries.h"
#include "tests/bench/session.h"
#include "tests/bench/workloads.h"

namespace belfry::bench {
namespace {

double Since(int64_t monotonic_ns, int64_t begin_ns) {
  return static_cast<double>(monotonic_ns - begin_ns) / static_cast<double>(kNsPerSecond);
}

}  // namespace

absl::StatusOr<boost::json::object> RunDrain(const Options& options) {
  if (options.jobs == 0) return absl::InvalidArgumentError("--jobs 0: at least one is needed");
  if (options.app_id.empty()) {
    return absl::InvalidArgumentError("--app-id is empty: the load has told the app of its jobs");
  }
  auto opened = Session::Open(options, "drain");
  if (!opened.ok()) return opened.status();
  Session& run = **opened;
  Deliveries deliveries(&run.maker(), options.jobs, 0);
  run.BeginMeter();
  const int64_t began = MonotonicNs();
  if (absl::Status status = run.Watch(
          run.maker().app_id(), [&](const auto& trigger) { deliveries.Record(trigger.name()); });
      !status.ok()) {
    return status;
  }
  const bool all = deliveries.WaitFor(options.jobs, SecondsToNs(options.timeout_s));
  const bool answered = run.WaitForAnswers(SecondsToNs(options.timeout_s));
  const DeliveryCounts counts = deliveries.counts();
  const absl::Status gone = run.WaitUntilGone(counts.last_jobs, SecondsToNs(options.timeout_s));
  const int64_t end = MonotonicNs();
  run.EndMeter();

  boost::json::object& line = run.line();
  line["jobs"] = options.jobs;
  line["received"] = counts.received;
  line["duplicates"] = counts.duplicates;
  line["early"] = counts.early;
  line["foreign"] = counts.foreign;
  line["errors"] =
      (all ? 0 : 1) + (answered ? 0 : 1) + (gone.ok() ? 0 : 1) + (run.StreamError().ok() ? 0 : 1);
  if (!gone.ok()) line["first_error"] = std::string(gone.message());
  // Until a watcher is known to the server takes a part of this.
  line["first_handler_s"] = counts.received == 0 ? 0 : Since(counts.first_ns, began);
  line["per_s"] = static_cast<double>(counts.received) / Since(end, began);
  line["lateness_ms"] = ToMilliseconds(counts.lateness);
  run.StopWatching();
  return line;
}

}  // namespace belfry::bench
