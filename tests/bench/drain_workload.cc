// Workload drain: an app that comes, maybe late, for jobs that were loaded before.

#include "tests/bench/clock.h"
#include "tests/bench/deliveries.h"
#include "tests/bench/session.h"
#include "tests/bench/workloads.h"

namespace belfry::bench {

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
  int64_t end = 0;
  const DeliveryCounts counts = run.FinishDeliveries(&deliveries, options.jobs, &end);

  boost::json::object& line = run.line();
  line["foreign"] = counts.foreign;
  // Until a watcher is known to the server takes a part of this.
  line["first_handler_s"] = counts.received == 0 ? 0 : SecondsBetween(began, counts.first_ns);
  line["per_s"] = static_cast<double>(counts.received) / SecondsBetween(began, end);
  run.StopWatching();
  return line;
}

}  // namespace belfry::bench
