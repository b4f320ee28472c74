#pragma once

// The sidecar: all its parts, in the order in which they are made.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "belfry/client.h"
#include "belfry/worker.h"
#include "client/net/byte_budget.h"
#include "client/net/call_watch.h"
#include "client/sidecar/app_channel.h"
#include "client/sidecar/app_watch.h"
#include "client/sidecar/config.h"
#include "client/sidecar/connection_log.h"
#include "client/sidecar/delivery.h"
#include "client/sidecar/grpc_server.h"
#include "client/sidecar/grpc_service.h"
#include "client/sidecar/health.h"
#include "client/sidecar/http_api.h"
#include "client/sidecar/http_server.h"
#include "client/sidecar/jobs_api.h"
#include "client/sidecar/metadata.h"
#include "client/sidecar/metrics.h"
#include "client/sidecar/scheduler_hosts.h"

namespace belfry::sidecar {

// Thread safety: the methods belong to the owner, except RequestShutdown.
class Sidecar {
 public:
  // `connection` goes to the schedulers; its addresses are set when they are known.
  Sidecar(Config config, std::shared_ptr<Connection> connection);
  ~Sidecar();
  Sidecar(const Sidecar&) = delete;
  Sidecar& operator=(const Sidecar&) = delete;

  // Opens the ports, then begins to look for schedulers and for the app. Unavailable, with what
  // cannot be listened on, if a port is taken.
  absl::Status Start();

  // What is to come after the shutdown.
  enum class Ending { kStop, kRestart };

  // Ends WaitForShutdown. May be called from any thread, also more than once; the first call
  // decides.
  void RequestShutdown(Ending ending = Ending::kStop);
  // Waits for SIGTERM, SIGINT, SIGHUP (which asks for a restart), a shutdown request or
  // RequestShutdown. A second signal ends the process at once with exit code 1.
  Ending WaitForShutdown();

  // Goes on for Config::block_shutdown, or until the app is unhealthy, if it is not already. Then
  // lets deliveries end, for at most the graceful time, then closes everything. Must be called once
  // after a successful Start. Ends the process with exit code 0 if the closing takes longer than
  // kShutdownSlack: calls to a scheduler that does not answer cannot be interrupted.
  void Shutdown();

  int http_port() const { return http_.port(); }
  int grpc_port() const { return grpc_ ? grpc_->port() : 0; }

 private:
  absl::Status Listen();
  void WarnOfOpenPorts() const;
  // For the HTTP and the gRPC API: on ports, or on Unix sockets.
  absl::Status ListenForApi();
  absl::Status ListenOnUnixSockets();
  // Listens for HTTP on those of the wanted addresses that this machine has, and returns them.
  absl::StatusOr<std::vector<std::string>> ListenHttp();
  absl::Status ListenInternally();
  absl::Status StartMetrics();
  absl::Status WritePortsFile() const;
  void StartThreads();
  void WatchSignals();
  void StartWorker();
  void StartAppWatch();
  void SetAppHealthy(bool healthy);
  void BlockShutdown();
  void StopServing();

  const Config config_;
  net::ByteBudget budget_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::signal_set signals_;
  SchedulerHosts hosts_;
  Health health_;
  Metadata metadata_;
  JobMetrics job_metrics_;
  std::unique_ptr<MetricsServer> metrics_server_;
  std::unique_ptr<AppChannel> app_;
  Delivery delivery_;
  ConnectionLog connection_log_;
  JobsApi jobs_;
  HttpApi http_api_;
  HttpServer http_;
  std::unique_ptr<HttpServer> public_http_;
  GrpcService grpc_service_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<GrpcServer> internal_grpc_;
  std::optional<net::CallWatch> call_watch_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<AppWatch> app_watch_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  // Notified when shutdown_requested_ becomes true, and when app_healthy_ becomes false.
  std::condition_variable shutdown_;
  bool shutdown_requested_ = false;  // under mutex_
  Ending ending_ = Ending::kStop;    // under mutex_
  bool app_healthy_ = false;         // under mutex_
};

}  // namespace belfry::sidecar
