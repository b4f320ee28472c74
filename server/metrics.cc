#include "server/metrics.h"

#include <iterator>
#include <type_traits>

#include "prometheus/text_serializer.h"

namespace belfry::server {
namespace {

const prometheus::Histogram::BucketBoundaries kLatencyBucketsMs = {100, 500, 1000, 5000, 10000};

// The value of the label `type`.
constexpr const char* kAppLabel = "job";
constexpr const char* kActorLabel = "actor";

}  // namespace

ServerMetrics::ServerMetrics()
    : created_(AddPair("dapr_scheduler_jobs_created_total", "Jobs stored")),
      create_failed_(AddPair("dapr_scheduler_jobs_created_failed_total",
                             "Jobs refused or not stored because of an error")),
      deleted_(AddPair("dapr_scheduler_jobs_deleted_total", "Single deletes that succeeded")),
      triggered_(AddPair("dapr_scheduler_jobs_triggered_total",
                         "Triggers that were answered with success")),
      failed_(AddPair("dapr_scheduler_jobs_failed_total",
                      "Triggers that were answered with failure, each attempt by itself")),
      undelivered_(AddPair("dapr_scheduler_jobs_undelivered_total",
                           "Jobs that came due while nobody was connected, and triggers whose "
                           "stream ended before they were answered")),
      bulk_deleted_(CounterFamily("dapr_scheduler_jobs_bulk_deleted_total",
                                  "Deletes of many jobs at once, counted by request"),
                    {}),
      connected_(prometheus::BuildGauge()
                     .Name("dapr_scheduler_sidecars_connected")
                     .Help("Open WatchJobs streams")
                     .Register(registry_),
                 {}),
      sidecar_errors_(prometheus::BuildCounter()
                          .Name("dapr_scheduler_sidecar_errors_total")
                          .Help("Requests and streams of sidecars that failed, by reason")
                          .Register(registry_)),
      latency_(prometheus::BuildHistogram()
                   .Name("dapr_scheduler_trigger_latency")
                   .Help("Milliseconds from handing a trigger to its stream to its answer")
                   .Register(registry_)),
      latency_ms_{{latency_, {{"type", kAppLabel}}, kLatencyBucketsMs},
                  {latency_, {{"type", kActorLabel}}, kLatencyBucketsMs}},
      clock_steps_(CounterFamily("belfry_scheduler_clock_steps_total",
                                 "Times that the wall clock was set, by direction")),
      clock_set_forward_(clock_steps_, {{"direction", "forward"}}),
      clock_set_back_(clock_steps_, {{"direction", "back"}}),
      quarantined_(CounterFamily("belfry_scheduler_quarantined_records_total",
                                 "Stored records that could not be read and were set aside"),
                   {}) {}

// Several threads may come here at once; the family gives all of them the same metric.
template <typename Metric>
Metric& ServerMetrics::Series<Metric>::Get() {
  Metric* metric = metric_.load(std::memory_order_acquire);
  if (metric != nullptr) return *metric;
  if constexpr (std::is_same_v<Metric, prometheus::Histogram>) {
    metric = &family_.Add(labels_, buckets_);
  } else {
    metric = &family_.Add(labels_);
  }
  metric_.store(metric, std::memory_order_release);
  return *metric;
}

template class ServerMetrics::Series<prometheus::Counter>;
template class ServerMetrics::Series<prometheus::Gauge>;
template class ServerMetrics::Series<prometheus::Histogram>;

prometheus::Family<prometheus::Counter>& ServerMetrics::CounterFamily(const std::string& name,
                                                                      const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
}

ServerMetrics::CounterPair ServerMetrics::AddPair(const std::string& name,
                                                  const std::string& help) {
  auto& family = CounterFamily(name, help);
  return {{family, {{"type", kAppLabel}}}, {family, {{"type", kActorLabel}}}};
}

void ServerMetrics::ObserveLatency(TargetKind kind, absl::Duration latency) {
  // Whole milliseconds, as the reference counts.
  For(latency_ms_, kind).Observe(static_cast<double>(absl::ToInt64Milliseconds(latency)));
}

void ServerMetrics::JobTriggered(TargetKind kind, absl::Duration latency) {
  For(triggered_, kind).Increment();
  ObserveLatency(kind, latency);
}

void ServerMetrics::JobFailed(TargetKind kind, absl::Duration latency) {
  For(failed_, kind).Increment();
  ObserveLatency(kind, latency);
}

void ServerMetrics::SidecarFailed(SidecarError error) {
  const char* reason = "auth_failed";
  if (error == SidecarError::kSendFailed) reason = "send_failed";
  if (error == SidecarError::kReceiveFailed) reason = "recv_failed";
  sidecar_errors_.Add({{"reason", reason}}).Increment();
}

void ServerMetrics::AddSource(std::function<std::vector<prometheus::MetricFamily>()> collect) {
  sources_.push_back(std::move(collect));
}

std::string ServerMetrics::Text() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (const auto& collect : sources_) {
    std::vector<prometheus::MetricFamily> more = collect();
    families.insert(families.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace belfry::server
