#pragma once

// ServerMetrics: what the server counts, under the names that Dapr's dashboards know.
//
// As with the reference, a series appears with the first thing that it counts, so that a scrape
// tells "none so far" from "none of this kind at all".
//
// Thread safety: all methods may be called from any thread.

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/labels.h"
#include "prometheus/metric_family.h"
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
  void BulkDeleted() { bulk_deleted_.Get().Increment(); }

  // A trigger was answered, `latency` after it was handed to its stream.
  void JobTriggered(TargetKind kind, absl::Duration latency);
  void JobFailed(TargetKind kind, absl::Duration latency);
  // A trigger's stream ended before the answer.
  void JobUndelivered(TargetKind kind) { For(undelivered_, kind).Increment(); }
  // Jobs came due while nobody was connected to receive them.
  void JobsUnreceived(TargetKind kind, size_t count) {
    For(undelivered_, kind).Increment(static_cast<double>(count));
  }

  void SidecarConnected() { connected_.Get().Increment(); }
  void SidecarDisconnected() { connected_.Get().Decrement(); }
  void SidecarFailed(SidecarError error);

  // So many records could not be read and were set aside.
  void RecordsQuarantined(size_t count) {
    quarantined_.Get().Increment(static_cast<double>(count));
  }

  // The wall clock was set, by `by` (negative: back).
  void ClockStepped(absl::Duration by) {
    (by > absl::ZeroDuration() ? clock_set_forward_ : clock_set_back_).Get().Increment();
  }

  // Adds what is not counted but looked up when somebody asks. `collect` is called by Text, on its
  // thread. REQUIRES: Text is not called yet.
  void AddSource(std::function<std::vector<prometheus::MetricFamily>()> collect);

  // Everything in Prometheus' text format.
  std::string Text() const;

 private:
  // A series that appears when it is first used.
  template <typename Metric>
  class Series {
   public:
    Series(prometheus::Family<Metric>& family, prometheus::Labels labels,
           prometheus::Histogram::BucketBoundaries buckets = {})
        : family_(family), labels_(std::move(labels)), buckets_(std::move(buckets)) {}

    Metric& Get();

   private:
    prometheus::Family<Metric>& family_;
    const prometheus::Labels labels_;
    const prometheus::Histogram::BucketBoundaries buckets_;
    std::atomic<Metric*> metric_ = nullptr;
  };

  // One series per TargetKind.
  template <typename Metric>
  struct Pair {
    Series<Metric> app;
    Series<Metric> actor;
  };
  using CounterPair = Pair<prometheus::Counter>;

  prometheus::Family<prometheus::Counter>& CounterFamily(const std::string& name,
                                                         const std::string& help);
  CounterPair AddPair(const std::string& name, const std::string& help);
  template <typename Metric>
  static Metric& For(Pair<Metric>& pair, TargetKind kind) {
    return (kind == TargetKind::kApp ? pair.app : pair.actor).Get();
  }
  void ObserveLatency(TargetKind kind, absl::Duration latency);

  prometheus::Registry registry_;
  CounterPair created_;
  CounterPair create_failed_;
  CounterPair deleted_;
  CounterPair triggered_;
  CounterPair failed_;
  CounterPair undelivered_;
  Series<prometheus::Counter> bulk_deleted_;
  Series<prometheus::Gauge> connected_;
  prometheus::Family<prometheus::Counter>& sidecar_errors_;
  prometheus::Family<prometheus::Histogram>& latency_;
  Pair<prometheus::Histogram> latency_ms_;
  prometheus::Family<prometheus::Counter>& clock_steps_;
  Series<prometheus::Counter> clock_set_forward_;
  Series<prometheus::Counter> clock_set_back_;
  Series<prometheus::Counter> quarantined_;
  std::vector<std::function<std::vector<prometheus::MetricFamily>()>> sources_;
};

}  // namespace belfry::server
