#pragma once

// The address under which sidecars are told to reach this scheduler.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace belfry::server {

// True for an address that means all interfaces: empty, 0.0.0.0, :: or [::].
bool IsWildcardAddress(std::string_view address);

// True for an address that only this machine can reach: localhost, 127.x.x.x, ::1 or [::1].
bool IsLoopbackAddress(std::string_view address);

// The host of an address to listen on as net::ListeningSockets wants it: empty for all interfaces,
// without brackets.
std::string ListenHost(std::string_view address);

// "host:port"; an IPv6 host is put in brackets, unless it already is.
std::string JoinHostPort(std::string_view host, uint16_t port);

// `override_host_port` as it is, if not empty; else `listen_address`, if it names one address,
// because nothing else would answer; else what `host_address` finds.
std::string BroadcastAddress(const std::string& override_host_port,
                             const std::string& listen_address, uint16_t port,
                             const std::function<std::string()>& host_address);

// An address of this machine that others can reach: the environment's DAPR_HOST_IP, else the one
// from which packets to the outside would leave, else the best of the interfaces.
// FailedPrecondition if there is none.
absl::StatusOr<std::string> HostAddress();

// The most widely reachable of some IP addresses, IPv4 before IPv6 at each step: public, then
// private, then link-local; the first one among equals. Loopback and unusable ones do not count.
std::optional<std::string> BestAddress(const std::vector<std::string>& addresses);

}  // namespace belfry::server
