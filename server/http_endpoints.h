#pragma once

// What operators ask over HTTP: GET /healthz, and the metrics.

#include <atomic>
#include <string_view>

#include "scheduler/loop/scheduler_loop.h"
#include "server/http_server.h"
#include "server/metrics.h"

namespace belfry::server {

// Whether the process does its work: it serves, and its loop turns.
//
// Thread safety: all methods may be called from any thread.
class Health {
 public:
  // `loop` is borrowed and outlives the object.
  explicit Health(const SchedulerLoop* loop) : loop_(loop) {}

  // True from the moment that all ports answer until a stop begins.
  void SetServing(bool serving) { serving_.store(serving); }

  bool Ready() const;

 private:
  const SchedulerLoop* const loop_;
  std::atomic<bool> serving_ = false;
};

// GET /healthz: 200 when ready, else 503, without a body. Other paths are not found.
HttpReply AnswerHealth(const Health& health, std::string_view path);

// The metrics, whatever the path.
HttpReply AnswerMetrics(const ServerMetrics& metrics);

}  // namespace belfry::server
