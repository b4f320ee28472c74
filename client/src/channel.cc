#include "client/src/channel.h"

#include "grpc/grpc.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/support/channel_arguments.h"

namespace belfry::client {

namespace {

// A restarted scheduler is found within the longest of these pauses.
constexpr int kFirstReconnectPauseMs = 500;
constexpr int kMaxReconnectPauseMs = 3000;
// A connection attempt that gets no answer at all is given up after this.
constexpr int kConnectTimeoutMs = 3000;
constexpr int kNoMessageLimit = -1;

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, ChannelUse use,
                                           const ChannelSecurity& security,
                                           const Keepalive& keepalive) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kNoMessageLimit);
  arguments.SetMaxSendMessageSize(kNoMessageLimit);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectPauseMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectPauseMs);
  // Despite its name this is the time that one attempt gets, not a pause.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(keepalive.idle));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(keepalive.timeout));
  // Without this only two pings may follow the last data that we sent, and a watcher sends none.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, use == ChannelUse::kStream ? 1 : 0);
  // Schedulers are neighbours. gRPC would send even loopback traffic to a proxy from the
  // environment that is meant for web pages.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!security.server_name.empty()) arguments.SetSslTargetNameOverride(security.server_name);
  return grpc::CreateCustomChannel(address, security.credentials, arguments);
}

}  // namespace belfry::client
