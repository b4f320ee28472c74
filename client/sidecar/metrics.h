#pragma once

// Prometheus metrics.

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/sidecar/app_channel.h"

namespace belfry::sidecar {

// Counts what becomes of deliveries, under the names that the reference uses.
// Thread safety: all methods may be called from any thread.
class JobMetrics {
 public:
  JobMetrics(const std::string& app_id, const std::string& ns);

  // A call to the app has ended. Calls that reached nobody are not counted.
  void Record(AppAnswer answer, absl::Duration took);

  const std::shared_ptr<prometheus::Registry>& registry() const { return registry_; }

 private:
  const std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Counter& success_;
  prometheus::Counter& failure_;
  prometheus::Histogram& success_latency_;
  prometheus::Histogram& failure_latency_;
};

// Serves a registry at /metrics while it lives.
class MetricsServer {
 public:
  // Port 0 means any free one. Unavailable if the address cannot be listened on.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& address, int port, const std::shared_ptr<prometheus::Registry>& registry);

  int port() const { return port_; }

 private:
  MetricsServer() = default;

  std::unique_ptr<prometheus::Exposer> exposer_;
  int port_ = 0;
};

}  // namespace belfry::sidecar
