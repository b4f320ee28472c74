#include "client/sidecar/sidecar.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "client/sidecar/grpc_app_channel.h"
#include "client/sidecar/http_app_channel.h"
#include "client/src/security.h"

namespace belfry::sidecar {
namespace {

constexpr int kExitSecondSignal = 1;
// Threads for the HTTP API, HTTP apps and timers; none of them blocks.
constexpr unsigned kMinIoThreads = 2;
constexpr unsigned kMaxIoThreads = 4;

std::unique_ptr<AppChannel> MakeAppChannel(const Config& config, boost::asio::io_context& io) {
  if (config.app_port == 0) return nullptr;
  const AppAddress address{config.app_channel_address, config.app_port, config.app_tls};
  if (config.app_protocol == AppProtocol::kGrpc) {
    GrpcAppChannelOptions options;
    options.target = HostPort(address);
    options.tls = config.app_tls;
    options.api_token = config.app_api_token;
    options.max_concurrency = config.app_max_concurrency;
    options.max_message_bytes = config.max_body_bytes;
    options.request_timeout = config.app_request_timeout;
    options.health_timeout = config.app_health_probe_timeout;
    return std::make_unique<GrpcAppChannel>(std::move(options));
  }
  HttpAppChannelOptions options;
  options.address = address;
  options.http2 = config.app_http2;
  options.app_id = config.app_id;
  options.api_token = config.app_api_token;
  options.max_concurrency = config.app_max_concurrency;
  options.request_timeout = config.app_request_timeout;
  options.health_path = config.app_health_check_path;
  options.health_timeout = config.app_health_probe_timeout;
  options.call_config = config.call_app_config;
  return std::make_unique<HttpAppChannel>(io.get_executor(), std::move(options));
}

bool IsLoopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

JobsApiOptions MakeJobsOptions(const Config& config) {
  JobsApiOptions options;
  options.app_id = config.app_id;
  options.ns = config.job_namespace;
  options.max_calls = config.limits.max_scheduler_calls;
  return options;
}

HttpServerOptions MakeHttpOptions(const Config& config, net::ByteBudget* budget) {
  HttpServerOptions options;
  options.max_body_bytes = config.max_body_bytes;
  options.max_header_bytes = config.read_buffer_bytes + kHttpHeaderSlop;
  options.max_connections = config.limits.max_connections;
  options.max_streams = config.limits.max_streams;
  options.header_timeout = config.limits.header_timeout;
  options.body_timeout = config.limits.body_timeout;
  options.write_timeout = config.limits.write_timeout;
  options.idle_timeout = config.limits.idle_timeout;
  options.budget = budget;
  return options;
}

net::CallLimits MakeCallLimits(const Config& config) {
  // Clients may begin more before they know how many they may.
  const int64_t allowed = config.limits.max_streams;
  return {.per_connection = std::max(kMinGrpcCallsToEnd, 2 * allowed), .total = kMaxGrpcCalls};
}

GrpcLimits MakeGrpcLimits(const Config& config) {
  GrpcLimits limits;
  limits.max_message_bytes = config.max_body_bytes;
  limits.max_metadata_bytes = config.read_buffer_bytes + kHttpHeaderSlop;
  limits.max_streams = config.limits.max_streams;
  limits.max_received_bytes = config.limits.max_call_bytes;
  return limits;
}

// Ends the process unless it is destroyed before `limit` has passed.
class Watchdog {
 public:
  explicit Watchdog(absl::Duration limit)
      : thread_([this, limit] {
          std::unique_lock lock(mutex_);
          const auto chrono_limit = absl::ToChronoMilliseconds(limit);
          if (done_.wait_for(lock, chrono_limit, [this] { return finished_; })) return;
          spdlog::warn("shutdown took longer than allowed, ending now");
          spdlog::shutdown();
          std::_Exit(EXIT_SUCCESS);
        }) {}
  ~Watchdog() {
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
    }
    done_.notify_all();
    thread_.join();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool finished_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace

Sidecar::Sidecar(Config config, std::shared_ptr<Connection> connection)
    : config_(std::move(config)),
      budget_("max-call-memory", config_.limits.max_call_bytes),
      work_(io_.get_executor()),
      signals_(io_),
      hosts_(!config_.scheduler_addresses.empty(), connection),
      health_(hosts_),
      metadata_(config_, hosts_),
      job_metrics_(config_.app_id, config_.metrics_namespace),
      app_(MakeAppChannel(config_, io_)),
      delivery_(app_.get(), job_metrics_),
      jobs_(MakeJobsOptions(config_), connection, hosts_),
      http_api_(config_, jobs_, metadata_, health_, [this] { RequestShutdown(); }),
      http_(io_, MakeHttpOptions(config_, &budget_),
            [this](HttpRequest request, HttpRespond respond) {
              http_api_.Handle(std::move(request), std::move(respond));
            }),
      grpc_service_(
          jobs_, metadata_, config_.dapr_api_token, [this] { RequestShutdown(); }, &budget_) {}

Sidecar::~Sidecar() {
  io_.stop();
  for (std::thread& thread : threads_) thread.join();
}

absl::Status Sidecar::Start() {
  for (const std::string& flag : config_.ignored_flags) {
    spdlog::info("flag means nothing to jobs and is ignored flag=--{}", flag);
  }
  if (config_.tls.has_value()) {
    if (auto status = CheckTls(*config_.tls); !status.ok()) return status;
  }
  WarnOfOpenPorts();
  if (auto status = Listen(); !status.ok()) return status;
  if (auto status = StartMetrics(); !status.ok()) return status;
  StartThreads();
  WatchSignals();
  spdlog::info("listening http_port={} grpc_port={} public_port={} metrics_port={}", http_port(),
               grpc_port(), public_http_ ? public_http_->port() : 0,
               metrics_server_ ? metrics_server_->port() : 0);
  if (auto status = WritePortsFile(); !status.ok()) return status;
  health_.SetServing();
  StartWorker();
  StartAppWatch();
  return absl::OkStatus();
}

void Sidecar::WarnOfOpenPorts() const {
  const std::vector<std::string>& addresses = config_.listen_addresses;
  const bool only_here =
      !addresses.empty() && std::all_of(addresses.begin(), addresses.end(), IsLoopback);
  if (only_here || !config_.dapr_api_token.empty()) return;
  if (!config_.unix_socket_directory.empty()) return;
  spdlog::warn(
      "the API is open to other machines: whoever reaches it can read and change the jobs of this "
      "app; give --dapr-listen-addresses=127.0.0.1, or set DAPR_API_TOKEN");
}

absl::StatusOr<std::vector<std::string>> Sidecar::ListenHttp() {
  std::vector<std::string> wanted = config_.listen_addresses;
  if (wanted.empty()) wanted.emplace_back();
  std::vector<std::string> listening;
  absl::Status failure;
  for (const std::string& address : wanted) {
    // One port everywhere, also if it was any free one.
    const int port = listening.empty() ? config_.http_port : http_.port();
    const absl::Status status = http_.Listen(address, port);
    if (status.ok()) {
      listening.push_back(address);
    } else if (absl::IsNotFound(status)) {
      // Lists often name the loopback addresses of both IP versions, and machines may have one.
      spdlog::warn("{}", std::string(status.message()));
      failure = status;
    } else {
      return status;
    }
  }
  if (listening.empty()) return failure;
  return listening;
}

absl::Status Sidecar::Listen() {
  if (auto status = ListenForApi(); !status.ok()) return status;
  if (config_.public_port >= 0) {
    public_http_ = std::make_unique<HttpServer>(
        io_, MakeHttpOptions(config_, &budget_), [this](HttpRequest request, HttpRespond respond) {
          http_api_.HandlePublic(std::move(request), std::move(respond));
        });
    if (auto status = public_http_->Listen(config_.public_listen_address, config_.public_port);
        !status.ok()) {
      return status;
    }
  }
  return ListenInternally();
}

absl::Status Sidecar::ListenForApi() {
  call_watch_.emplace(MakeCallLimits(config_));
  if (!config_.unix_socket_directory.empty()) return ListenOnUnixSockets();
  const auto addresses = ListenHttp();
  if (!addresses.ok()) return addresses.status();
  auto grpc =
      GrpcServer::Start(*addresses, config_.grpc_port, MakeGrpcLimits(config_), &grpc_service_);
  if (!grpc.ok()) return grpc.status();
  grpc_ = *std::move(grpc);
  return absl::OkStatus();
}

absl::Status Sidecar::ListenOnUnixSockets() {
  const std::string stem = fmt::format("{}/dapr-{}", config_.unix_socket_directory, config_.app_id);
  if (auto status = http_.ListenUnix(stem + "-http.socket"); !status.ok()) return status;
  auto grpc = GrpcServer::StartUnix(stem + "-grpc.socket", MakeGrpcLimits(config_), &grpc_service_);
  if (!grpc.ok()) return grpc.status();
  grpc_ = *std::move(grpc);
  spdlog::info("listening http={}-http.socket grpc={}-grpc.socket", stem, stem);
  return absl::OkStatus();
}

absl::Status Sidecar::ListenInternally() {
  if (config_.internal_port == 0) return absl::OkStatus();
  auto internal = GrpcServer::Start({config_.internal_listen_address}, config_.internal_port,
                                    MakeGrpcLimits(config_), nullptr);
  if (!internal.ok()) return internal.status();
  internal_grpc_ = *std::move(internal);
  return absl::OkStatus();
}

absl::Status Sidecar::StartMetrics() {
  if (!config_.enable_metrics) return absl::OkStatus();
  auto server = MetricsServer::Start(io_, config_.metrics_listen_address, config_.metrics_port,
                                     job_metrics_.registry());
  if (server.ok()) {
    metrics_server_ = *std::move(server);
    return absl::OkStatus();
  }
  if (config_.metrics_port_given) return server.status();
  spdlog::warn("no metrics: {}", std::string(server.status().message()));
  return absl::OkStatus();
}

absl::Status Sidecar::WritePortsFile() const {
  if (config_.ports_file.empty()) return absl::OkStatus();
  // Renamed into place, so that a reader never sees half of it.
  const std::string temporary = config_.ports_file + ".tmp";
  {
    std::ofstream file(temporary, std::ios::trunc);
    file << fmt::format("{{\"http\":{},\"grpc\":{},\"public\":{},\"metrics\":{}}}\n", http_port(),
                        grpc_port(), public_http_ ? public_http_->port() : 0,
                        metrics_server_ ? metrics_server_->port() : 0);
    if (!file.flush()) {
      return absl::UnavailableError(fmt::format("cannot write the ports file {}", temporary));
    }
  }
  if (std::rename(temporary.c_str(), config_.ports_file.c_str()) != 0) {
    return absl::UnavailableError(
        fmt::format("cannot write the ports file {}", config_.ports_file));
  }
  return absl::OkStatus();
}

void Sidecar::StartThreads() {
  const unsigned count =
      std::clamp(std::thread::hardware_concurrency(), kMinIoThreads, kMaxIoThreads);
  for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this] { io_.run(); });
}

void Sidecar::WatchSignals() {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) signals_.add(signal);
  signals_.async_wait([this](const boost::system::error_code& ec, int signal) {
    if (ec) return;
    spdlog::info("shutting down signal={}", signal);
    RequestShutdown(signal == SIGHUP ? Ending::kRestart : Ending::kStop);
    signals_.async_wait([](const boost::system::error_code& second_ec, int second) {
      if (second_ec) return;
      spdlog::warn("second signal, ending now signal={}", second);
      spdlog::shutdown();
      std::_Exit(kExitSecondSignal);
    });
  });
}

void Sidecar::StartWorker() {
  if (!hosts_.enabled()) {
    spdlog::info("Scheduler disabled: no --scheduler-host-address given, jobs are not available");
    return;
  }
  WorkerOptions options;
  options.addresses = config_.scheduler_addresses;
  options.ns = config_.job_namespace;
  options.app_id = config_.app_id;
  options.streams_per_host = config_.scheduler_job_streams;
  options.tls = config_.tls;
  options.on_hosts = [this](const std::vector<std::string>& hosts) {
    spdlog::info("schedulers known count={} addresses={}", hosts.size(), fmt::join(hosts, ","));
    hosts_.Update(hosts);
  };
  options.on_streams = [](int streams) {
    spdlog::info("streams to schedulers changed open={}", streams);
  };
  options.on_error = [this](const std::string& address, const absl::Status& status) {
    connection_log_.Lost(address, status);
    hosts_.SetHopeless(client::IsTlsFailure(status) ? status : absl::OkStatus());
  };
  worker_ = std::make_unique<Worker>(std::move(options), [this](auto trigger, Worker::Done done) {
    delivery_.Handle(std::move(trigger), std::move(done));
  });
  // Without an app the streams open all the same, and every trigger fails.
  worker_->SetReceiving(app_ == nullptr);
  worker_->Start();
}

void Sidecar::StartAppWatch() {
  if (app_ == nullptr) {
    health_.SetAppConnected();
    return;
  }
  AppWatchOptions options;
  options.address = {config_.app_channel_address, config_.app_port, config_.app_tls};
  options.probe_health = config_.enable_app_health_check;
  options.probe_interval = config_.app_health_probe_interval;
  options.threshold = config_.app_health_threshold;
  app_watch_ = std::make_unique<AppWatch>(
      io_.get_executor(), std::move(options), *app_, [this] { health_.SetAppConnected(); },
      [this](bool healthy) { SetAppHealthy(healthy); });
  app_watch_->Start();
}

void Sidecar::SetAppHealthy(bool healthy) {
  if (worker_) worker_->SetReceiving(healthy);
  if (!healthy) app_->CancelDeliveries();
  const std::lock_guard lock(mutex_);
  app_healthy_ = healthy;
  shutdown_.notify_all();
}

void Sidecar::BlockShutdown() {
  if (config_.block_shutdown == absl::ZeroDuration()) return;
  std::unique_lock lock(mutex_);
  if (!app_healthy_) return;
  spdlog::info("going on before the end longest={}", absl::FormatDuration(config_.block_shutdown));
  shutdown_.wait_for(lock, absl::ToChronoNanoseconds(config_.block_shutdown),
                     [this] { return !app_healthy_; });
}

void Sidecar::RequestShutdown(Ending ending) {
  const std::lock_guard lock(mutex_);
  if (shutdown_requested_) return;
  shutdown_requested_ = true;
  ending_ = ending;
  shutdown_.notify_all();
}

Sidecar::Ending Sidecar::WaitForShutdown() {
  std::unique_lock lock(mutex_);
  shutdown_.wait(lock, [this] { return shutdown_requested_; });
  return ending_;
}

void Sidecar::Shutdown() {
  BlockShutdown();
  health_.SetStopping();
  if (app_watch_) app_watch_->Stop();
  // Handlers that are at work may still call the API, so the servers go on meanwhile.
  if (!delivery_.Drain(config_.graceful_shutdown)) {
    spdlog::warn("some deliveries have not ended, their jobs will be delivered again");
  }
  const Watchdog watchdog(kShutdownSlack);
  if (worker_) worker_->Stop(kShutdownStep);
  if (app_) app_->CancelDeliveries();
  delivery_.Drain(kShutdownStep);
  StopServing();
  spdlog::info("stopped");
}

void Sidecar::StopServing() {
  http_.Close();
  if (public_http_) public_http_->Close();
  hosts_.Close();
  grpc_->Shutdown(kShutdownStep);
  if (internal_grpc_) internal_grpc_->Shutdown(absl::ZeroDuration());
  jobs_.Close();
  // Every call has been answered now, but the responses may still be on their way out.
  const auto limit = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kShutdownStep);
  while (http_.requests() > 0 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  io_.stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace belfry::sidecar
