#pragma once

// ServerMetrics: what the server counts, under the names that Dapr's dashboards know.
//
// Thread safety: all methods may be called from any thread.

#include <array>
#include <string>

#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "scheduler/job/job_key.h"

namespace belfry::server {

// Why a stream or request of a sidecar failed.
enum class SidecarError { kSendFailed, kReceiveFailed, kAuthFailed };

class ServerMetrics {
 public:
  ServerMetrics();

  void JobCreated(TargetKind kind) { For(created_, kind).Increment(); }
  void JobCreateFailed(TargetKind kind) { For(create_failed_, kind).Increment(); }
  void JobDeleted(TargetKind kind) { For(deleted_, kind).Increment(); }
  // One DeleteBy... call, however many jobs it deleted.
  void BulkDeleted() { bulk_deleted_.Increment(); }

  // A trigger was answered, `latency` after it was handed to its stream.
  void JobTriggered(TargetKind kind, absl::Duration latency);
  void JobFailed(TargetKind kind, absl::Duration latency);
  // A trigger's stream ended before the answer.
  void JobUndelivered(TargetKind kind) { For(undelivered_, kind).Increment(); }

  void SidecarConnected() { connected_.Increment(); }
  void SidecarDisconnected() { connected_.Decrement(); }
  void SidecarFailed(SidecarError error);

  // The wall clock was set, by `by` (negative: back).
  void ClockStepped(absl::Duration by) {
    (by > absl::ZeroDuration() ? clock_set_forward_ : clock_set_back_).Increment();
  }

  // Everything in Prometheus' text format.
  std::string Text() const;

 private:
  // One per TargetKind.
  using CounterPair = std::array<prometheus::Counter*, 2>;

  CounterPair AddPair(const std::string& name, const std::string& help);
  prometheus::Counter& AddCounter(const std::string& name, const std::string& help);
  static prometheus::Counter& For(const CounterPair& pair, TargetKind kind) {
    return *pair[kind == TargetKind::kApp ? 0 : 1];
  }

  prometheus::Registry registry_;
  const CounterPair created_;
  const CounterPair create_failed_;
  const CounterPair deleted_;
  const CounterPair triggered_;
  const CounterPair failed_;
  const CounterPair undelivered_;
  prometheus::Counter& bulk_deleted_;
  prometheus::Gauge& connected_;
  prometheus::Family<prometheus::Counter>& sidecar_errors_;
  prometheus::Family<prometheus::Histogram>& latency_;
  const std::array<prometheus::Histogram*, 2> latency_ms_;
  prometheus::Family<prometheus::Counter>& clock_steps_;
  prometheus::Counter& clock_set_forward_;
  prometheus::Counter& clock_set_back_;
};

}  // namespace belfry::server
