#pragma once

// The workloads. Each connects to `options.target`, runs, and returns one line of results; an error
// is a run that could not be made. What went wrong within a run is counted in its line.

#include "absl/status/statusor.h"
#include "boost/json/object.hpp"
#include "tests/bench/options.h"

namespace belfry::bench {

// Schedules jobs that are due far away: closed loop, or open with a rate.
absl::StatusOr<boost::json::object> RunSchedule(const Options& options);
// Fills the store with a number of such jobs.
absl::StatusOr<boost::json::object> RunLoad(const Options& options);
// Receives and answers the jobs that another run has loaded, from whenever it begins to watch.
absl::StatusOr<boost::json::object> RunDrain(const Options& options);
// Stores jobs that are all due at one instant; times their handlers and answers from there.
absl::StatusOr<boost::json::object> RunBurst(const Options& options);
// Whole lives: schedule, trigger, answer.
absl::StatusOr<boost::json::object> RunLife(const Options& options);
// Recurring jobs.
absl::StatusOr<boost::json::object> RunTicks(const Options& options);
// Stored jobs due at a steady rate: from due to handler.
absl::StatusOr<boost::json::object> RunLateness(const Options& options);
// As lateness: first undisturbed, then beside lists and deletes of many jobs.
absl::StatusOr<boost::json::object> RunMixed(const Options& options);

// Through a sidecar, whose address is then the target: schedules far jobs over HTTP, each
// connection with one request under way.
absl::StatusOr<boost::json::object> RunHttpSchedule(const Options& options);
// As burst, with an HTTP app on `options.app_port` of 127.0.0.1 as the handler, to which a sidecar
// for `options.app_id` has to deliver. The target is the scheduler.
absl::StatusOr<boost::json::object> RunHttpBurst(const Options& options);

// The limits of the machine.
absl::StatusOr<boost::json::object> RunFloorFsync(const Options& options);
absl::StatusOr<boost::json::object> RunFloorWakeup(const Options& options);
// Against a null server of our own, which is started for it: the workloads schedule and burst, and
// life.
absl::StatusOr<boost::json::object> RunFloorRpc(const Options& options);
// A server of our own that answers every HTTP request with 204 at once.
absl::StatusOr<boost::json::object> RunFloorHttp(const Options& options);
absl::StatusOr<boost::json::object> RunFloorLife(const Options& options);

}  // namespace belfry::bench
