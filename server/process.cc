#include "server/process.h"

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/net/call_watch.h"
#include "fmt/format.h"
#include "grpcpp/security/server_credentials.h"
#include "scheduler/base/clock.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/loop/scheduler_loop.h"
#include "server/access.h"
#include "server/admin_server.h"
#include "server/admin_service.h"
#include "server/broadcast_address.h"
#include "server/certificates.h"
#include "server/durability_warning.h"
#include "server/grpc_server.h"
#include "server/grpc_status.h"
#include "server/http_endpoints.h"
#include "server/http_server.h"
#include "server/limit_metrics.h"
#include "server/limits.h"
#include "server/metrics.h"
#include "server/open_streams.h"
#include "server/ports_file.h"
#include "server/process_metrics.h"
#include "server/scheduler_service.h"
#include "server/stop_signals.h"
#include "spdlog/spdlog.h"
#include "storage/backup.h"
#include "storage/rocksdb_store.h"

namespace belfry::server {
namespace {

constexpr char kNoAdminSocket[] = "none";
constexpr char kAdminSocketName[] = "admin.sock";

// Ends the process at once: threads that hang cannot hold it.
[[noreturn]] void EndNow(const std::string& why) {
  spdlog::critical("ending at once: {}", why);
  spdlog::default_logger()->flush();
  std::_Exit(EXIT_FAILURE);
}

absl::StatusOr<v1::BackupResponse> Backup(const RocksDbStore& store, const std::string& directory,
                                          const std::function<bool()>& is_cancelled) {
  ASSIGN_OR_RETURN(const BackupReport report, MakeBackup(store, directory, is_cancelled));
  v1::BackupResponse response;
  response.set_jobs(report.store.rows_of(Table::kNames));
  response.set_counters(report.store.rows_of(Table::kCounters));
  response.set_quarantined(report.store.quarantined);
  response.set_files(report.files.files);
  response.set_bytes(report.files.bytes);
  return response;
}

std::string HostAddressOrLoopback() {
  const absl::StatusOr<std::string> address = HostAddress();
  if (address.ok()) return *address;
  spdlog::warn("{}; advertising 127.0.0.1 until then", std::string(address.status().message()));
  return "127.0.0.1";
}

// Everything that runs. Members are constructed in order, and destroyed in reverse.
class Scheduler {
 public:
  explicit Scheduler(const Config& config) : config_(config), streams_(config.limits.max_streams) {}

  absl::Status Start();
  // What is to be done now and then while it runs.
  void LookAfter();
  void Stop();

 private:
  absl::Status LoadCertificates();
  absl::Status OpenStore();
  absl::Status OpenPorts();
  absl::Status StartGrpc();
  // A service for those whom `authorize` lets in.
  std::unique_ptr<AdminService> NewAdminService(Authorizer authorize);
  absl::Status StartAdmin();

  const Config& config_;
  SystemClock clock_;
  ServerMetrics metrics_;
  OpenStreams streams_;
  Ports ports_;
  Access access_;
  std::unique_ptr<Certificates> certificates_;  // null without TLS
  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<SchedulerLoop> loop_;
  std::unique_ptr<Health> health_;
  std::unique_ptr<SchedulerService> service_;
  std::unique_ptr<AdminService> remote_admin_;  // null without mutual TLS
  std::unique_ptr<GrpcServer> grpc_;
  std::optional<net::CallWatch> call_watch_;
  std::unique_ptr<AdminService> admin_service_;
  std::unique_ptr<AdminServer> admin_;
  // Destroyed first: its handlers look at the others.
  std::unique_ptr<HttpServer> http_;
};

absl::Status Scheduler::LoadCertificates() {
  if (!config_.has_tls()) {
    if (IsLoopbackAddress(config_.listen_address)) return absl::OkStatus();
    spdlog::warn(
        "the gRPC port is open to other machines and does not speak TLS: whoever reaches it can "
        "read, change and receive the jobs of every app; give --tls-cert-file, --tls-key-file and "
        "--tls-ca-file, or --listen-address=127.0.0.1");
    return absl::OkStatus();
  }
  if (config_.has_mutual_tls()) {
    access_ = Access::MutualTls(config_.admin_identities);
  } else {
    spdlog::warn(
        "clients need no certificate: whoever reaches the gRPC port can read, change and receive "
        "the jobs of every app; give --tls-ca-file as well");
  }
  ASSIGN_OR_RETURN(certificates_, Certificates::Load(config_.tls, &clock_));
  metrics_.AddSource([this] { return certificates_->Metrics(); });
  return absl::OkStatus();
}

absl::Status Scheduler::OpenStore() {
  spdlog::info("data directory {}", AbsolutePath(config_.data_dir));
  if (const auto warning = DurabilityWarning(config_.data_dir)) spdlog::warn("{}", *warning);
  ASSIGN_OR_RETURN(store_,
                   RocksDbStore::Open({.path = config_.data_dir,
                                       .reserve = DiskReserveOptions{config_.disk_reserve_bytes},
                                       .collects_garbage = true}));

  LoopOptions options;
  options.max_unsynced = config_.max_unsynced;
  options.limits = config_.limits;
  options.on_fatal = [](const absl::Status& status) {
    EndNow("the store failed: " + status.ToString());
  };
  options.on_clock_step = [this](absl::Duration by) { metrics_.ClockStepped(by); };
  options.on_quarantine = [this](size_t count) { metrics_.RecordsQuarantined(count); };
  options.on_unreceived = [this](TargetKind kind, size_t count) {
    metrics_.JobsUnreceived(kind, count);
  };
  ASSIGN_OR_RETURN(loop_, SchedulerLoop::Open(store_.get(), &clock_, std::move(options)));
  return absl::OkStatus();
}

absl::Status Scheduler::OpenPorts() {
  health_ = std::make_unique<Health>(loop_.get(), config_.limits);
  http_ = std::make_unique<HttpServer>();
  ASSIGN_OR_RETURN(
      ports_.healthz,
      http_->Listen(config_.healthz_listen_address, config_.healthz_port,
                    [this](std::string_view path) { return AnswerHealth(*health_, path); }));
  if (!config_.enable_metrics) return absl::OkStatus();
  metrics_.AddSource(ProcessMetrics);
  metrics_.AddSource([this] { return FiringMetrics(*loop_); });
  metrics_.AddSource([this] { return CollectLimits(loop_.get()); });
  metrics_.AddSource([this] {
    // The ballast is none of the store's.
    const double bytes = DirectoryBytes(config_.data_dir) -
                         static_cast<double>(store_->reserve()->state().ballast_bytes);
    return StoreMetrics(bytes, health_->Ready());
  });
  metrics_.AddSource([this] { return DiskMetrics(store_->reserve()->state()); });
  ASSIGN_OR_RETURN(ports_.metrics,
                   http_->Listen(config_.listen_address, config_.metrics_port,
                                 [this](std::string_view) { return AnswerMetrics(metrics_); }));
  return absl::OkStatus();
}

absl::Status Scheduler::StartGrpc() {
  service_ = std::make_unique<SchedulerService>(
      ServiceContext{loop_.get(), &clock_, &metrics_, &streams_, &access_, config_.limits});
  auto credentials = certificates_ == nullptr ? grpc::InsecureServerCredentials()
                                              : certificates_->NewCredentials();
  std::vector<grpc::Service*> services = {service_.get()};
  if (config_.has_mutual_tls()) {
    remote_admin_ = NewAdminService([this](const grpc::ServerContextBase& call) {
      return ToGrpcStatus(access_.RequireAdmin(call));
    });
    services.push_back(remote_admin_.get());
  }
  ASSIGN_OR_RETURN(grpc_, GrpcServer::Start(config_.listen_address, config_.port,
                                            std::move(credentials), services, config_.limits));
  call_watch_.emplace(
      net::CallLimits{.per_connection = static_cast<int64_t>(config_.limits.max_connection_calls),
                      .total = static_cast<int64_t>(config_.limits.max_calls)});
  ports_.grpc = grpc_->port();
  const std::string address =
      BroadcastAddress(config_.override_broadcast_host_port, config_.listen_address, ports_.grpc,
                       HostAddressOrLoopback);
  service_->SetAddress(address);
  spdlog::info("sidecars are told to connect to {}", address);
  return absl::OkStatus();
}

std::unique_ptr<AdminService> Scheduler::NewAdminService(Authorizer authorize) {
  AdminContext context;
  context.loop = loop_.get();
  context.store = store_.get();
  context.metrics = &metrics_;
  context.backup = [this](const std::string& directory, const std::function<bool()>& cancelled) {
    return Backup(*store_, directory, cancelled);
  };
  return std::make_unique<AdminService>(std::move(context), std::move(authorize));
}

absl::Status Scheduler::StartAdmin() {
  if (config_.admin_socket == kNoAdminSocket) return absl::OkStatus();
  const std::string path = config_.admin_socket.empty() ? config_.data_dir + "/" + kAdminSocketName
                                                        : config_.admin_socket;
  // Who may connect is decided by the socket's mode.
  admin_service_ = NewAdminService(AuthorizeAll);
  ASSIGN_OR_RETURN(admin_, AdminServer::Start(path, admin_service_.get()));
  return absl::OkStatus();
}

absl::Status Scheduler::Start() {
  RETURN_IF_ERROR(LoadCertificates());
  RETURN_IF_ERROR(OpenStore());
  // Ports that cannot be had are found out before anything fires.
  RETURN_IF_ERROR(OpenPorts());
  loop_->Start();
  http_->Start();
  RETURN_IF_ERROR(StartAdmin());
  RETURN_IF_ERROR(StartGrpc());
  if (!config_.ports_file.empty()) {
    RETURN_IF_ERROR(WritePortsFile(config_.ports_file, ports_));
  }
  health_->SetServing(true);
  spdlog::info("ready id={} port={} healthz_port={} metrics_port={}", config_.id, ports_.grpc,
               ports_.healthz, ports_.metrics);
  return absl::OkStatus();
}

void Scheduler::LookAfter() {
  if (!store_->IsInPlace()) {
    EndNow(fmt::format("the data directory \"{}\", or its lock file, was removed or moved away",
                       config_.data_dir));
  }
  if (certificates_ != nullptr) certificates_->Refresh();
}

void Scheduler::Stop() {
  // Whoever routes callers here should see it before calls fail.
  if (health_ != nullptr) health_->SetServing(false);
  streams_.CloseAll(absl::UnavailableError("server is closing"));
  if (admin_service_ != nullptr) admin_service_->Stop();
  if (remote_admin_ != nullptr) remote_admin_->Stop();
  // Answers what is under way, and refuses what still comes, so that no call waits for anything.
  if (loop_ != nullptr) {
    const absl::Status status = loop_->Stop();
    if (!status.ok()) spdlog::error("stopping the loop: {}", status.ToString());
  }
  if (grpc_ != nullptr) grpc_->Shutdown(kDrainTimeout);
  if (admin_ != nullptr) admin_->Shutdown(absl::ZeroDuration());
  if (http_ != nullptr) http_->Stop();
}

}  // namespace

int RunScheduler(const Config& config) {
  spdlog::info("belfry-scheduler {} starts", BELFRY_VERSION);
  for (const std::string& flag : config.ignored_flags) {
    spdlog::info("flag has no effect here and is ignored flag={}", flag);
  }
  SetUpGrpc();
  net::RaiseDescriptorLimit();
  absl::StatusOr<std::unique_ptr<StopSignals>> signals =
      StopSignals::Start(kStopTimeout, [](const char* why) { EndNow(why); });
  if (!signals.ok()) {
    spdlog::critical("cannot start: {}", signals.status().ToString());
    return EXIT_FAILURE;
  }
  Scheduler scheduler(config);
  const absl::Status status = scheduler.Start();
  if (!status.ok()) {
    spdlog::critical("cannot start: {}", std::string(status.message()));
    scheduler.Stop();
    return EXIT_FAILURE;
  }
  std::optional<int> signal;
  while (!(signal = (*signals)->WaitFor(kLookAfterPeriod)).has_value()) scheduler.LookAfter();
  spdlog::info("stopping signal={}", *signal);
  scheduler.Stop();
  spdlog::info("stopped");
  return EXIT_SUCCESS;
}

}  // namespace belfry::server
