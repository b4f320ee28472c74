#include "client/sidecar/grpc_server.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "client/net/grpc_connections.h"
#include "client/net/reset_guard.h"
#include "client/sidecar/unix_socket.h"

namespace belfry::sidecar {
namespace {

// Clients may ping often, also without a call; idle connections are not closed.
constexpr int kMinPingIntervalMs = 5000;
constexpr int kMaxPingStrikes = 2;
void SetLimits(grpc::ServerBuilder& builder, const GrpcLimits& limits) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits.max_message_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(limits.max_message_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                             static_cast<int>(limits.max_metadata_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.max_streams);
  grpc::ResourceQuota quota("requests");
  quota.Resize(limits.max_received_bytes);
  builder.SetResourceQuota(quota);
  net::KeepAlive(&builder, limits.keepalive_time, limits.keepalive_timeout);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, kMaxPingStrikes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const std::vector<std::string>& addresses, int port, const GrpcLimits& limits,
    grpc::Service* service) {
  std::optional<net::ListeningSockets> sockets;
  for (const std::string& host : addresses) {
    auto listening = net::ListeningSockets::OnPort(host, static_cast<uint16_t>(port));
    if (!listening.ok()) {
      return absl::UnavailableError(
          fmt::format("grpc: {}", std::string(listening.status().message())));
    }
    if (sockets.has_value()) {
      sockets->Add(*std::move(listening));
    } else {
      sockets.emplace(*std::move(listening));
    }
  }
  return StartOn(*std::move(sockets), limits, service);
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::StartUnix(const std::string& path,
                                                                  const GrpcLimits& limits,
                                                                  grpc::Service* service) {
  if (absl::Status status = PrepareUnixSocket(path); !status.ok()) return status;
  auto sockets = net::ListeningSockets::OnPath(path, std::nullopt);
  if (!sockets.ok()) return sockets.status();
  auto server = StartOn(*std::move(sockets), limits, service);
  if (server.ok()) (*server)->path_ = path;
  return server;
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::StartOn(net::ListeningSockets sockets,
                                                                const GrpcLimits& limits,
                                                                grpc::Service* service) {
  grpc::ServerBuilder builder;
  SetLimits(builder, limits);
  std::unique_ptr<GrpcServer> server(new GrpcServer());
  if (service != nullptr) builder.RegisterService(service);
  net::GuardResets(&builder, &server->unimplemented_);
  net::AcceptorOptions options;
  options.user_timeout = limits.keepalive_timeout;
  options.take = net::HandOver(&builder, grpc::InsecureServerCredentials());
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) return absl::UnavailableError("cannot start the grpc server");
  server->port_ = sockets.port();
  server->acceptor_ =
      std::make_unique<net::ConnectionAcceptor>(std::move(sockets), std::move(options));
  return server;
}

GrpcServer::~GrpcServer() { Shutdown(absl::ZeroDuration()); }

void GrpcServer::Shutdown(absl::Duration grace) {
  if (acceptor_ == nullptr) return;
  acceptor_.reset();
  server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(grace));
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

}  // namespace belfry::sidecar
