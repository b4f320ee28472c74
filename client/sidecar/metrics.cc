#include "client/sidecar/metrics.h"

#include <prometheus/text_serializer.h>

#include <map>
#include <utility>

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

JobMetrics::JobMetrics(std::string app_id, std::string ns)
    : app_id_(std::move(app_id)),
      namespace_(std::move(ns)),
      registry_(std::make_shared<prometheus::Registry>()),
      success_(CounterFamily(*registry_, "dapr_component_job_success_count",
                             "Jobs that the app has handled")),
      failure_(CounterFamily(*registry_, "dapr_component_job_failure_count",
                             "Jobs that the app has failed at or does not know")),
      latency_(LatencyFamily(*registry_)) {}

void JobMetrics::Record(AppAnswer answer, absl::Duration took) {
  if (answer == AppAnswer::kUnreachable || answer == AppAnswer::kCancelled) return;
  const bool success = answer == AppAnswer::kDone;
  const Labels labels = JobLabels(app_id_, namespace_);
  (success ? success_ : failure_).Add(labels).Increment();
  latency_.Add(WithSuccess(labels, success ? "true" : "false"), LatencyBounds())
      .Observe(absl::ToDoubleMilliseconds(took));
}

MetricsServer::MetricsServer(boost::asio::io_context& io,
                             std::shared_ptr<prometheus::Registry> registry)
    : server_(io, HttpServerOptions(),
              [registry = std::move(registry)](const HttpRequest& request, HttpRespond respond) {
                if (request.method != "GET" && request.method != "HEAD") {
                  return respond({405, "text/plain; charset=utf-8", "method not allowed\n"});
                }
                respond({200, "text/plain; version=0.0.4; charset=utf-8",
                         prometheus::TextSerializer().Serialize(registry->Collect())});
              }) {}

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    boost::asio::io_context& io, const std::string& address, int port,
    std::shared_ptr<prometheus::Registry> registry) {
  std::unique_ptr<MetricsServer> server(new MetricsServer(io, std::move(registry)));
  if (absl::Status status = server->server_.Listen(address, port); !status.ok()) {
    return absl::Status(status.code(), "metrics: " + std::string(status.message()));
  }
  return server;
}

}  // namespace belfry::sidecar
