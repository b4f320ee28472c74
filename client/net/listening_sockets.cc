#include "client/net/listening_sockets.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"

namespace belfry::net {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

absl::Status CannotListen(const std::string& host, uint16_t port, const char* why) {
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return absl::UnavailableError("cannot listen on " + (host.empty() ? "[::]" : shown) + ":" +
                                std::to_string(port) + ": " + why);
}

absl::StatusOr<Addresses> Resolve(const std::string& host, uint16_t port) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return CannotListen(host, port, ::gai_strerror(error));
  return Addresses(found, &::freeaddrinfo);
}

// A socket that listens on an address; -1, and errno, if there cannot be one.
int Listen(const sockaddr* address, socklen_t bytes, bool takes_ipv4) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int on = 1;
  const int v6_only = takes_ipv4 ? 0 : 1;
  const bool is_v6 = address->sa_family == AF_INET6;
  // Otherwise a port cannot be had for a minute after its last connection.
  if (::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
      (!is_v6 || ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) == 0) &&
      ::bind(fd, address, bytes) == 0 && ::listen(fd, SOMAXCONN) == 0) {
    return fd;
  }
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

int ListenEverywhere(uint16_t port) {
  sockaddr_in6 all = {};
  all.sin6_family = AF_INET6;
  all.sin6_port = htons(port);
  all.sin6_addr = in6addr_any;
  const int fd = Listen(reinterpret_cast<const sockaddr*>(&all), sizeof(all), true);
  if (fd >= 0 || errno == EADDRINUSE) return fd;
  // The machine may have no IPv6.
  sockaddr_in all_v4 = {};
  all_v4.sin_family = AF_INET;
  all_v4.sin_port = htons(port);
  return Listen(reinterpret_cast<const sockaddr*>(&all_v4), sizeof(all_v4), false);
}

// A hosts file may give a name an address twice, or one of a family that is not there.
bool IsPassedOver(const addrinfo& first, const addrinfo& address, int error) {
  if (error == EADDRNOTAVAIL || error == EAFNOSUPPORT) return true;
  for (const addrinfo* other = &first; other != &address; other = other->ai_next) {
    if (other->ai_addrlen == address.ai_addrlen &&
        std::memcmp(other->ai_addr, address.ai_addr, address.ai_addrlen) == 0) {
      return true;
    }
  }
  return false;
}

uint16_t PortOf(int fd) {
  sockaddr_storage local = {};
  socklen_t bytes = sizeof(local);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &bytes) != 0) return 0;
  return ntohs(local.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(local).sin6_port
                                           : reinterpret_cast<sockaddr_in&>(local).sin_port);
}

void SetPort(uint16_t port, sockaddr* address) {
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  }
}

}  // namespace

absl::StatusOr<ListeningSockets> ListeningSockets::OnPort(const std::string& host, uint16_t port) {
  ListeningSockets sockets;
  if (host.empty()) {
    const int fd = ListenEverywhere(port);
    if (fd < 0) return CannotListen(host, port, std::strerror(errno));
    sockets.descriptors_.push_back(fd);
    sockets.port_ = PortOf(fd);
    return sockets;
  }
  const absl::StatusOr<Addresses> addresses = Resolve(host, port);
  if (!addresses.ok()) return addresses.status();
  sockets.port_ = port;
  int error = EADDRNOTAVAIL;
  for (addrinfo* address = addresses->get(); address != nullptr; address = address->ai_next) {
    SetPort(sockets.port_, address->ai_addr);
    const int fd = Listen(address->ai_addr, address->ai_addrlen, false);
    if (fd >= 0) {
      sockets.descriptors_.push_back(fd);
      sockets.port_ = PortOf(fd);
      continue;
    }
    error = errno;
    if (!IsPassedOver(**addresses, *address, error)) {
      return CannotListen(host, sockets.port_, std::strerror(error));
    }
  }
  if (sockets.descriptors_.empty()) {
    return absl::NotFoundError(CannotListen(host, port, std::strerror(error)).message());
  }
  return sockets;
}

absl::StatusOr<ListeningSockets> ListeningSockets::OnPath(const std::string& path,
                                                          std::optional<mode_t> mode) {
  ListeningSockets sockets;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0) sockets.descriptors_.push_back(fd);
  // Nobody can connect before it listens, and then it has its mode.
  if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      (mode.has_value() && ::chmod(path.c_str(), *mode) != 0) || ::listen(fd, SOMAXCONN) != 0) {
    return absl::UnavailableError("cannot listen on \"" + path + "\": " + std::strerror(errno));
  }
  return sockets;
}

ListeningSockets::ListeningSockets(ListeningSockets&& other) noexcept
    : descriptors_(std::exchange(other.descriptors_, {})), port_(other.port_) {}

ListeningSockets::~ListeningSockets() {
  for (const int fd : descriptors_) ::close(fd);
}

void ListeningSockets::Add(ListeningSockets other) {
  descriptors_.insert(descriptors_.end(), other.descriptors_.begin(), other.descriptors_.end());
  other.descriptors_.clear();
  if (port_ == 0) port_ = other.port_;
}

}  // namespace belfry::net
