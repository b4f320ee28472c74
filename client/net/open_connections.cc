#include "client/net/open_connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "spdlog/spdlog.h"

namespace belfry::net {
namespace {

constexpr char kOpenFiles[] = "/proc/self/fd";

struct Address {
  in6_addr host;  // one of IPv4 is mapped
  uint16_t port;
};

bool operator==(const Address& a, const Address& b) {
  return a.port == b.port && std::memcmp(&a.host, &b.host, sizeof(a.host)) == 0;
}

bool IsListening(int fd) {
  int is_listening = 0;
  socklen_t size = sizeof(is_listening);
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) != 0 ||
         is_listening != 0;
}

std::optional<in6_addr> ParseHost(const std::string& host) {
  in6_addr parsed = {};
  const std::string mapped = host.find(':') == std::string::npos ? "::ffff:" + host : host;
  if (::inet_pton(AF_INET6, mapped.c_str(), &parsed) != 1) return std::nullopt;
  return parsed;
}

std::optional<Address> ParsePeer(std::string_view peer) {
  const bool is_v6 = peer.starts_with("ipv6:");
  if (!is_v6 && !peer.starts_with("ipv4:")) return std::nullopt;
  peer.remove_prefix(5);
  const size_t colon = peer.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view digits = peer.substr(colon + 1);
  int port = 0;
  if (!absl::SimpleAtoi(absl::string_view(digits.data(), digits.size()), &port)) {
    return std::nullopt;
  }
  absl::string_view host(peer.data(), colon);
  host = absl::StripSuffix(absl::StripPrefix(host, "%5B"), "%5D");
  // A scope may follow.
  host = host.substr(0, host.find('%'));
  const std::optional<in6_addr> parsed = ParseHost(std::string(host));
  if (!parsed.has_value()) return std::nullopt;
  return Address{*parsed, static_cast<uint16_t>(port)};
}

std::optional<Address> OtherEnd(int fd) {
  sockaddr_storage peer = {};
  socklen_t bytes = sizeof(peer);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &bytes) != 0) return std::nullopt;
  if (peer.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer);
    return Address{v6.sin6_addr, ntohs(v6.sin6_port)};
  }
  if (peer.ss_family != AF_INET) return std::nullopt;
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
  Address address = {{}, ntohs(v4.sin_port)};
  address.host.s6_addr[10] = address.host.s6_addr[11] = 0xff;
  std::memcpy(&address.host.s6_addr[12], &v4.sin_addr, sizeof(v4.sin_addr));
  return address;
}

// Resets a connection of TCP; shutdown alone would leave a client that does not read waiting for
// ever, if the server does not read either. One of a Unix socket has only that.
bool Break(int fd) {
  sockaddr nothing = {};
  nothing.sa_family = AF_UNSPEC;
  return ::connect(fd, &nothing, sizeof(nothing)) == 0 || ::shutdown(fd, SHUT_RDWR) == 0;
}

}  // namespace

int BreakConnections(const std::function<bool(int fd)>& is_meant) {
  int broken = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kOpenFiles, error)) {
    const std::string name = entry.path().filename();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    if (!IsListening(fd) && is_meant(fd) && Break(fd)) ++broken;
  }
  if (error) spdlog::warn("cannot look for connections: {}", error.message());
  return broken;
}

int BreakConnectionsFrom(const std::string& peer) {
  const std::optional<Address> wanted = ParsePeer(peer);
  if (!wanted.has_value()) return 0;
  return BreakConnections([&](int fd) { return OtherEnd(fd) == wanted; });
}

int AddressFamily(int fd) {
  int family = AF_UNSPEC;
  socklen_t bytes = sizeof(family);
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &bytes);
  return family;
}

}  // namespace belfry::net
