#pragma once

// What operators ask over HTTP: health, and the metrics.

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "prometheus/metric_family.h"
#include "scheduler/base/limits.h"
#include "scheduler/loop/scheduler_loop.h"
#include "server/http_server.h"
#include "server/metrics.h"

namespace belfry::server {

// Whether the process does its work: it serves, its loop turns, and what can be fired is fired.
//
// Thread safety: all methods may be called from any thread.
class Health {
 public:
  // `loop` is borrowed and outlives the object. Of the limits it needs max_loop_stall and
  // max_dispatch_wait.
  Health(const SchedulerLoop* loop, const Limits& limits) : loop_(loop), limits_(limits) {}

  // True from the moment that all ports answer until a stop begins.
  void SetServing(bool serving) { serving_.store(serving); }

  // Whether the loop turns: if not, only a restart can help.
  bool Live() const;
  // Whether it is alive, serves, and leaves nothing unfired that could be fired. A change is
  // logged when somebody asks.
  bool Ready() const;

 private:
  // Why it is not ready; empty if it is.
  std::string WhyNotReady() const;

  const SchedulerLoop* const loop_;
  const Limits limits_;
  std::atomic<bool> serving_ = false;
  mutable std::atomic<bool> told_ready_ = true;
};

// GET /healthz and /readyz: 200 when ready, else 503; /livez: 200 when alive, else 503; without a
// body. Other paths are not found.
HttpReply AnswerHealth(const Health& health, std::string_view path);

// The metrics, whatever the path.
HttpReply AnswerMetrics(const ServerMetrics& metrics);

// What health is derived from, as metrics.
std::vector<prometheus::MetricFamily> FiringMetrics(const SchedulerLoop& loop);

}  // namespace belfry::server
