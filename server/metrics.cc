#include "server/metrics.h"

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
                           "Triggers whose stream ended before they were answered")),
      bulk_deleted_(AddCounter("dapr_scheduler_jobs_bulk_deleted_total",
                               "Deletes of many jobs at once, counted by request")),
      connected_(prometheus::BuildGauge()
                     .Name("dapr_scheduler_sidecars_connected")
                     .Help("Open WatchJobs streams")
                     .Register(registry_)
                     .Add({})),
      sidecar_errors_(prometheus::BuildCounter()
                          .Name("dapr_scheduler_sidecar_errors_total")
                          .Help("Requests and streams of sidecars that failed, by reason")
                          .Register(registry_)),
      latency_(prometheus::BuildHistogram()
                   .Name("dapr_scheduler_trigger_latency")
                   .Help("Milliseconds from handing a trigger to its stream to its answer")
                   .Register(registry_)),
      latency_ms_{&latency_.Add({{"type", kAppLabel}}, kLatencyBucketsMs),
                  &latency_.Add({{"type", kActorLabel}}, kLatencyBucketsMs)},
      clock_steps_(prometheus::BuildCounter()
                       .Name("belfry_scheduler_clock_steps_total")
                       .Help("Times that the wall clock was set, by direction")
                       .Register(registry_)),
      clock_set_forward_(clock_steps_.Add({{"direction", "forward"}})),
      clock_set_back_(clock_steps_.Add({{"direction", "back"}})) {}

ServerMetrics::CounterPair ServerMetrics::AddPair(const std::string& name,
                                                  const std::string& help) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
  return {&family.Add({{"type", kAppLabel}}), &family.Add({{"type", kActorLabel}})};
}

prometheus::Counter& ServerMetrics::AddCounter(const std::string& name, const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add({});
}

void ServerMetrics::JobTriggered(TargetKind kind, absl::Duration latency) {
  For(triggered_, kind).Increment();
  latency_ms_[kind == TargetKind::kApp ? 0 : 1]->Observe(absl::ToDoubleMilliseconds(latency));
}

void ServerMetrics::JobFailed(TargetKind kind, absl::Duration latency) {
  For(failed_, kind).Increment();
  latency_ms_[kind == TargetKind::kApp ? 0 : 1]->Observe(absl::ToDoubleMilliseconds(latency));
}

void ServerMetrics::SidecarFailed(SidecarError error) {
  const char* reason = "auth_failed";
  if (error == SidecarError::kSendFailed) reason = "send_failed";
  if (error == SidecarError::kReceiveFailed) reason = "recv_failed";
  sidecar_errors_.Add({{"reason", reason}}).Increment();
}

std::string ServerMetrics::Text() const {
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace belfry::server
