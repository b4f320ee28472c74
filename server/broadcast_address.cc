#include "server/broadcast_address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace belfry::server {
namespace {

// Addresses reserved for documentation: routed like any other, and nothing is ever sent to them.
constexpr const char* kOutsideIpv4 = "192.0.2.1";
constexpr const char* kOutsideIpv6 = "2001:db8::1";
constexpr uint16_t kOutsidePort = 80;

// How far an address reaches; smaller is better.
enum Reach { kPublic4, kPublic6, kPrivate4, kPrivate6, kLinkLocal, kUnusable };

bool InNetwork(uint32_t address, uint32_t network, int bits) {
  return (address >> (32 - bits)) == (network >> (32 - bits));
}

Reach ReachOf4(const in_addr& in) {
  const uint32_t address = ntohl(in.s_addr);
  if (address == 0 || InNetwork(address, 0x7F000000, 8)) return kUnusable;  // 127/8
  if (InNetwork(address, 0xC0000000, 29)) return kUnusable;                 // 192.0.0.0/29
  if (InNetwork(address, 0xE0000000, 4)) return kUnusable;                  // multicast
  if (InNetwork(address, 0xA9FE0000, 16)) return kLinkLocal;                // 169.254/16
  const bool is_private = InNetwork(address, 0x0A000000, 8) ||              // 10/8
                          InNetwork(address, 0xAC100000, 12) ||             // 172.16/12
                          InNetwork(address, 0xC0A80000, 16) ||             // 192.168/16
                          InNetwork(address, 0x64400000, 10);               // 100.64/10
  return is_private ? kPrivate4 : kPublic4;
}

Reach ReachOf6(const in6_addr& in) {
  if (IN6_IS_ADDR_UNSPECIFIED(&in) || IN6_IS_ADDR_LOOPBACK(&in) || IN6_IS_ADDR_MULTICAST(&in)) {
    return kUnusable;
  }
  if (IN6_IS_ADDR_LINKLOCAL(&in)) return kLinkLocal;
  if ((in.s6_addr[0] & 0xFE) == 0xFC) return kPrivate6;  // fc00::/7
  return kPublic6;
}

Reach ReachOf(const std::string& address) {
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return ReachOf4(v4);
  in6_addr v6{};
  if (inet_pton(AF_INET6, address.c_str(), &v6) == 1) return ReachOf6(v6);
  return kUnusable;
}

std::optional<std::string> AddressText(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* ip = nullptr;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (address->sa_family == AF_INET) {
    std::memcpy(&v4, address, sizeof(v4));
    ip = &v4.sin_addr;
  } else if (address->sa_family == AF_INET6) {
    std::memcpy(&v6, address, sizeof(v6));
    ip = &v6.sin6_addr;
  } else {
    return std::nullopt;
  }
  if (inet_ntop(address->sa_family, ip, text.data(), text.size()) == nullptr) return std::nullopt;
  return text.data();
}

// The local address of a UDP socket "connected" to the outside. Nothing is sent.
std::optional<std::string> DialedFrom(int family) {
  sockaddr_storage peer{};
  socklen_t length = 0;
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(kOutsidePort);
    inet_pton(AF_INET, kOutsideIpv4, &v4.sin_addr);
    length = sizeof(v4);
    std::memcpy(&peer, &v4, length);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(kOutsidePort);
    inet_pton(AF_INET6, kOutsideIpv6, &v6.sin6_addr);
    length = sizeof(v6);
    std::memcpy(&peer, &v6, length);
  }
  const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return std::nullopt;
  std::optional<std::string> found;
  sockaddr_storage local{};
  socklen_t local_length = sizeof(local);
  // The socket interface wants its own generic pointer type.
  if (connect(fd, reinterpret_cast<const sockaddr*>(&peer), length) == 0 &&
      getsockname(fd, reinterpret_cast<sockaddr*>(&local), &local_length) == 0) {
    found = AddressText(reinterpret_cast<const sockaddr*>(&local));
  }
  close(fd);
  if (found.has_value() && ReachOf(*found) == kUnusable) return std::nullopt;
  return found;
}

std::vector<std::string> InterfaceAddresses() {
  std::vector<std::string> addresses;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return addresses;
  for (const ifaddrs* it = list; it != nullptr; it = it->ifa_next) {
    if (it->ifa_addr == nullptr || (it->ifa_flags & IFF_UP) == 0) continue;
    if (auto text = AddressText(it->ifa_addr)) addresses.push_back(std::move(*text));
  }
  freeifaddrs(list);
  return addresses;
}

}  // namespace

bool IsWildcardAddress(std::string_view address) {
  return address.empty() || address == "0.0.0.0" || address == "::" || address == "[::]";
}

bool IsLoopbackAddress(std::string_view address) {
  return address == "localhost" || address.starts_with("127.") || address == "::1" ||
         address == "[::1]";
}

std::string ListenHost(std::string_view address) {
  if (IsWildcardAddress(address)) return "";
  const bool is_bracketed = address.starts_with('[') && address.ends_with(']');
  return std::string(is_bracketed ? address.substr(1, address.size() - 2) : address);
}

std::string JoinHostPort(std::string_view host, uint16_t port) {
  const bool needs_brackets = host.find(':') != std::string_view::npos && !host.starts_with('[');
  return needs_brackets ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::optional<std::string> BestAddress(const std::vector<std::string>& addresses) {
  std::optional<std::string> best;
  Reach best_reach = kUnusable;
  for (const std::string& address : addresses) {
    const Reach reach = ReachOf(address);
    if (reach >= best_reach) continue;
    best = address;
    best_reach = reach;
  }
  return best;
}

absl::StatusOr<std::string> HostAddress() {
  const char* env = std::getenv("DAPR_HOST_IP");
  if (env != nullptr && *env != '\0') return std::string(env);
  for (const int family : {AF_INET, AF_INET6}) {
    if (auto address = DialedFrom(family)) return *address;
  }
  if (auto address = BestAddress(InterfaceAddresses())) return *address;
  return absl::FailedPreconditionError(
      "this machine has no address that sidecars could reach: set --override-broadcast-host-port");
}

std::string BroadcastAddress(const std::string& override_host_port,
                             const std::string& listen_address, uint16_t port,
                             const std::function<std::string()>& host_address) {
  if (!override_host_port.empty()) return override_host_port;
  if (!IsWildcardAddress(listen_address)) return JoinHostPort(listen_address, port);
  return JoinHostPort(host_address(), port);
}

}  // namespace belfry::server
