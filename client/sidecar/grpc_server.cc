#include "client/sidecar/grpc_server.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <list>

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

void SetLimits(grpc::ServerBuilder& builder, std::size_t max_message_bytes) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(max_message_bytes));
  builder.SetMaxSendMessageSize(static_cast<int>(max_message_bytes));
  // A second sidecar on the same port must fail, not share it.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, kMaxPingStrikes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const std::vector<std::string>& addresses, int port, std::size_t max_message_bytes,
    grpc::Service* service) {
  grpc::ServerBuilder builder;
  SetLimits(builder, max_message_bytes);
  std::unique_ptr<GrpcServer> server(new GrpcServer());
  if (service != nullptr) {
    builder.RegisterService(service);
  } else {
    builder.RegisterCallbackGenericService(&server->unimplemented_);
  }
  std::list<int> ports;  // the builder keeps pointers
  for (const std::string& host : addresses) {
    builder.AddListeningPort(Target(host, port), grpc::InsecureServerCredentials(),
                             &ports.emplace_back(0));
  }
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) {
    return absl::UnavailableError(fmt::format("cannot listen for grpc on {}: is the port taken?",
                                              Target(addresses.front(), port)));
  }
  server->port_ = ports.front();
  return server;
}

void GrpcServer::Shutdown(absl::Duration grace) {
  server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMicroseconds(grace));
}

}  // namespace belfry::sidecar
