#pragma once

// How the client dials a scheduler: limits, and how a dead peer is noticed.

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "client/src/security.h"
#include "grpcpp/channel.h"

namespace belfry::client {

// Who speaks on a channel. Streams need a TCP connection each, so that one that is stuck cannot
// hold up the others; gRPC would otherwise let channels to one address share one.
enum class ChannelUse { kCalls, kStream };

// A scheduler that sends nothing at all for `idle`, not even its own pings, is asked whether it is
// alive, and given up after `timeout` without an answer.
//
// Any byte that arrives restarts `idle`. Schedulers ping their clients every 3 s, so as long as
// `idle` is well above that a live one is never pinged by us, and a Go server with its default
// enforcement (a ping every 5 minutes at most, else GOAWAY "too_many_pings") has nothing to object
// to. A silent one is found after idle + timeout. TCP's own timeouts do not replace this: a client
// that only listens has no unacknowledged data that could time out.
struct Keepalive {
  absl::Duration idle = absl::Seconds(20);
  absl::Duration timeout = absl::Seconds(10);
};

// A channel to one host:port. Connects on first use and again whenever the connection is lost.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& address, ChannelUse use,
                                           const ChannelSecurity& security,
                                           const Keepalive& keepalive = {});

}  // namespace belfry::client
