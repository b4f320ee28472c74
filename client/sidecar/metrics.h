#pragma once

// Prometheus metrics.

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/sidecar/app_channel.h"
#include "client/sidecar/http_server.h"

namespace belfry::sidecar {

// Counts what becomes of deliveries, under the names that the reference uses. As with it, a series
// appears with the first thing that it counts.
// Thread safety: all methods may be called from any thread.
class JobMetrics {
 public:
  JobMetrics(std::string app_id, std::string ns);

  // A call to the app has ended. Calls that reached nobody are not counted.
  void Record(AppAnswer answer, absl::Duration took);

  const std::shared_ptr<prometheus::Registry>& registry() const { return registry_; }

 private:
  const std::string app_id_;
  const std::string namespace_;
  const std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Counter>& success_;
  prometheus::Family<prometheus::Counter>& failure_;
  prometheus::Family<prometheus::Histogram>& latency_;
};

// Serves a registry on a port while it lives, whatever the path.
// Thread safety: belongs to its owner.
class MetricsServer {
 public:
  // Answers on the threads of `io`, which must have been stopped before this is destroyed. Port 0
  // means any free one. NotFound or Unavailable, with the reason, if the address cannot be listened
  // on.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      boost::asio::io_context& io, const std::string& address, int port,
      std::shared_ptr<prometheus::Registry> registry);

  int port() const { return server_.port(); }

 private:
  MetricsServer(boost::asio::io_context& io, std::shared_ptr<prometheus::Registry> registry);

  HttpServer server_;
};

}  // namespace belfry::sidecar
