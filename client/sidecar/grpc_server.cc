#include "client/sidecar/grpc_server.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <list>

#include "client/sidecar/unix_socket.h"

namespace belfry::sidecar {
namespace {

// Clients may ping often, also without a call; idle connections are not closed.
constexpr int kMinPingIntervalMs = 5000;
constexpr int kMaxPingStrikes = 2;

std::string Target(const std::string& address, int port) {
  if (address.empty()) return fmt::format("[::]:{}", port);
  if (address.find(':') != std::string::npos) return fmt::format("[{}]:{}", address, port);
  return fmt::format("{}:{}", address, port);
}

void SetLimits(grpc::ServerBuilder& builder, const GrpcLimits& limits) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(limits.max_message_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(limits.max_message_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                             static_cast<int>(limits.max_metadata_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits.max_streams);
  // A second sidecar on the same port must fail, not share it.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, kMaxPingStrikes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const std::vector<std::string>& addresses, int port, const GrpcLimits& limits,
    grpc::Service* service) {
  std::vector<std::string> targets;
  for (const std::string& host : addresses) targets.push_back(Target(host, port));
  return StartAt(targets, limits, service);
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::StartUnix(const std::string& path,
                                                                  const GrpcLimits& limits,
                                                                  grpc::Service* service) {
  // The library would remove whatever is there.
  if (absl::Status status = PrepareUnixSocket(path); !status.ok()) return status;
  auto server = StartAt({"unix:" + path}, limits, service);
  if (server.ok()) (*server)->port_ = 0;
  return server;
}

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::StartAt(
    const std::vector<std::string>& targets, const GrpcLimits& limits, grpc::Service* service) {
  grpc::ServerBuilder builder;
  SetLimits(builder, limits);
  std::unique_ptr<GrpcServer> server(new GrpcServer());
  if (service != nullptr) {
    builder.RegisterService(service);
  } else {
    builder.RegisterCallbackGenericService(&server->unimplemented_);
  }
  std::list<int> ports;  // the builder keeps pointers
  for (const std::string& target : targets) {
    builder.AddListeningPort(target, grpc::InsecureServerCredentials(), &ports.emplace_back(0));
  }
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) {
    return absl::UnavailableError(
        fmt::format("cannot listen for grpc on {}: is the port taken?", targets.front()));
  }
  server->port_ = ports.front();
  return server;
}

void GrpcServer::Shutdown(absl::Duration grace) {
  server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(grace));
}

}  // namespace belfry::sidecar
