#include "client/sidecar/metrics.h"

#include <fmt/format.h>

#include <exception>
#include <map>

namespace belfry::sidecar {
namespace {

using Labels = std::map<std::string, std::string>;

Labels JobLabels(const std::string& app_id, const std::string& ns) {
  return {{"app_id", app_id}, {"namespace", ns}, {"operation", "job_trigger_op"}};
}

Labels WithSuccess(Labels labels, const char* success) {
  labels["success"] = success;
  return labels;
}

prometheus::Family<prometheus::Counter>& CounterFamily(prometheus::Registry& registry,
                                                       const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Histogram>& LatencyFamily(prometheus::Registry& registry) {
  return prometheus::BuildHistogram()
      .Name("dapr_component_job_latencies")
      .Help("Time that the app took for a job, in milliseconds")
      .Register(registry);
}

prometheus::Histogram::BucketBoundaries LatencyBounds() {
  return {1,   2,   3,   4,    5,    6,    8,     10,    13,    16,    20,  25,
          30,  40,  50,  65,   80,   100,  130,   160,   200,   250,   300, 400,
          500, 650, 800, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
}

}  // namespace

JobMetrics::JobMetrics(const std::string& app_id, const std::string& ns)
    : registry_(std::make_shared<prometheus::Registry>()),
      success_(CounterFamily(*registry_, "dapr_component_job_success_count",
                             "Jobs that the app has handled")
                   .Add(JobLabels(app_id, ns))),
      failure_(CounterFamily(*registry_, "dapr_component_job_failure_count",
                             "Jobs that the app has failed at or does not know")
                   .Add(JobLabels(app_id, ns))),
      success_latency_(LatencyFamily(*registry_)
                           .Add(WithSuccess(JobLabels(app_id, ns), "true"), LatencyBounds())),
      failure_latency_(LatencyFamily(*registry_)
                           .Add(WithSuccess(JobLabels(app_id, ns), "false"), LatencyBounds())) {}

void JobMetrics::Record(AppAnswer answer, absl::Duration took) {
  const double took_ms = absl::ToDoubleMilliseconds(took);
  switch (answer) {
    case AppAnswer::kDone:
      success_.Increment();
      success_latency_.Observe(took_ms);
      return;
    case AppAnswer::kDropped:
    case AppAnswer::kRefused:
      failure_.Increment();
      failure_latency_.Observe(took_ms);
      return;
    case AppAnswer::kUnreachable:
    case AppAnswer::kCancelled:
      return;
  }
}

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& address, int port, const std::shared_ptr<prometheus::Registry>& registry) {
  std::unique_ptr<MetricsServer> server(new MetricsServer());
  try {  // the library reports a busy port by an exception
    server->exposer_ = std::make_unique<prometheus::Exposer>(fmt::format("{}:{}", address, port));
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        fmt::format("cannot serve metrics on {}:{}: {}", address, port, error.what()));
  }
  server->exposer_->RegisterCollectable(registry);
  const auto ports = server->exposer_->GetListeningPorts();
  if (!ports.empty()) server->port_ = ports.front();
  return server;
}

}  // namespace belfry::sidecar
