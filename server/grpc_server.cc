#include "server/grpc_server.h"

#include <netinet/in.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "client/net/grpc_connections.h"
#include "client/net/reset_guard.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/grpc.h"
#include "grpc/support/log.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "scheduler/base/clock.h"
#include "server/broadcast_address.h"
#include "server/limits.h"
#include "server/log_limiter.h"
#include "server/server_shutdown.h"
#include "spdlog/spdlog.h"

namespace belfry::server {
namespace {

constexpr int kUnlimited = -1;

// Clients that do not speak TLS, or have no good certificate, cause a line each.
constexpr int kMaxGrpcLines = 10;
constexpr absl::Duration kGrpcLinesPeriod = absl::Minutes(1);

void LogFromGrpc(gpr_log_func_args* args) {
  static LogLimiter& limiter = *new LogLimiter(kMaxGrpcLines, kGrpcLinesPeriod);
  if (args->severity == GPR_LOG_SEVERITY_ERROR) {
    static SystemClock& clock = *new SystemClock();
    const auto dropped = limiter.Admit(args->file, args->line, clock.Monotonic());
    if (!dropped.has_value()) return;
    if (*dropped > 0) spdlog::error("grpc: {} lines like the next were not logged", *dropped);
  }
  switch (args->severity) {
    case GPR_LOG_SEVERITY_DEBUG:
      spdlog::debug("grpc: {}", args->message);
      return;
    case GPR_LOG_SEVERITY_INFO:
      spdlog::info("grpc: {}", args->message);
      return;
    case GPR_LOG_SEVERITY_ERROR:
      spdlog::error("grpc: {}", args->message);
      return;
  }
}

// Whatever a client sends that does not parse comes here: it must not fill the log.
void LogFromProtobuf(google::protobuf::LogLevel, const char*, int, const std::string& message) {
  spdlog::debug("protobuf: {}", message);
}

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

// Above the limit of a job our own refusal is clearer than that of gRPC; but somewhere it must end.
int MaxMessageBytes(const Limits& limits) {
  const size_t bytes = 2 * limits.max_job_bytes + kMaxRequestOverhead;
  return static_cast<int>(std::min<size_t>(bytes, std::numeric_limits<int>::max()));
}

void SetOptions(grpc::ServerBuilder* builder, const Limits& limits) {
  builder->SetMaxReceiveMessageSize(MaxMessageBytes(limits));
  builder->SetMaxSendMessageSize(kUnlimited);
  // Without one, clients that send large requests and never end them fill the memory.
  grpc::ResourceQuota quota("requests");
  quota.Resize(limits.max_received_bytes);
  builder->SetResourceQuota(quota);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                              static_cast<int>(limits.max_connection_calls));
  net::KeepAlive(builder, limits.keepalive_time, limits.keepalive_timeout);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              Milliseconds(kMinClientPingInterval));
}

}  // namespace

void SetUpGrpc() {
  gpr_set_log_function(LogFromGrpc);
  google::protobuf::SetLogHandler(LogFromProtobuf);
  // Never undone: the end of the process closes what is left.
  grpc_init();
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const std::string& address, uint16_t port, std::shared_ptr<grpc::ServerCredentials> credentials,
    const std::vector<grpc::Service*>& services, const Limits& limits) {
  auto sockets = net::ListeningSockets::OnPort(ListenHost(address), port);
  if (!sockets.ok()) return sockets.status();
  grpc::ServerBuilder builder;
  SetOptions(&builder, limits);
  auto unimplemented = std::make_unique<grpc::CallbackGenericService>();
  net::GuardResets(&builder, unimplemented.get());
  net::AcceptorOptions options;
  options.user_timeout = limits.keepalive_timeout;
  options.take = net::HandOver(&builder, credentials);
  for (grpc::Service* const service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("cannot start the gRPC server");
  auto acceptor =
      std::make_unique<net::ConnectionAcceptor>(*std::move(sockets), std::move(options));
  return std::unique_ptr<GrpcServer>(new GrpcServer(
      std::move(credentials), std::move(unimplemented), std::move(server), std::move(acceptor)));
}

GrpcServer::GrpcServer(std::shared_ptr<grpc::ServerCredentials> credentials,
                       std::unique_ptr<grpc::CallbackGenericService> unimplemented,
                       std::unique_ptr<grpc::Server> server,
                       std::unique_ptr<net::ConnectionAcceptor> acceptor)
    : credentials_(std::move(credentials)),
      unimplemented_(std::move(unimplemented)),
      server_(std::move(server)),
      acceptor_(std::move(acceptor)),
      port_(acceptor_->port()) {}

void GrpcServer::Shutdown(absl::Duration drain) {
  acceptor_.reset();
  ShutDownServer(server_.get(), drain, [this](const sockaddr_storage& local) {
    if (local.ss_family == AF_INET) {
      return ntohs(reinterpret_cast<const sockaddr_in&>(local).sin_port) == port_;
    }
    return local.ss_family == AF_INET6 &&
           ntohs(reinterpret_cast<const sockaddr_in6&>(local).sin6_port) == port_;
  });
}

}  // namespace belfry::server
