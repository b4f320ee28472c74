#pragma once

// What the calls of the Scheduler service share.

#include <cstddef>
#include <string>

#include "scheduler/base/clock.h"
#include "scheduler/base/limits.h"
#include "scheduler/loop/scheduler_loop.h"
#include "server/access.h"
#include "server/metrics.h"
#include "server/open_streams.h"

namespace belfry::server {

// Everything is borrowed and outlives the gRPC server.
struct ServiceContext {
  SchedulerLoop* loop;
  Clock* clock;
  ServerMetrics* metrics;
  OpenStreams* streams;
  const Access* access;
  Limits limits = {};
};

}  // namespace belfry::server
