#pragma once

// The concurrency limits at work, as metrics with the names of Dapr's scheduler.

#include <vector>

#include "prometheus/metric_family.h"
#include "scheduler/loop/scheduler_loop.h"

namespace belfry::server {

// Asks the loop, and waits for at most kMaxLimitsWait; without an answer there is nothing to tell.
// Limits of one type and key in several namespaces are added up. Any thread but the loop's.
std::vector<prometheus::MetricFamily> CollectLimits(SchedulerLoop* loop);

}  // namespace belfry::server
