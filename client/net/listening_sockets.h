#pragma once

// ListeningSockets: where connections come in.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace belfry::net {

// Owns sockets that listen and do not block. Movable. Thread safety: constant after construction.
class ListeningSockets {
 public:
  // Listens on a port of the addresses that `host` has: a name, or an address without brackets; an
  // empty one means all of the machine, IPv6 and IPv4 alike as far as there are both. Port 0 lets
  // the system choose, one for all. NotFound if the machine has no such address; Unavailable, with
  // the address and the system's reason, if one cannot be had, e.g. because another process has it:
  // ports are not shared.
  static absl::StatusOr<ListeningSockets> OnPort(const std::string& host, uint16_t port);

  // Listens on a Unix socket; without a mode it gets that of the process's files. REQUIRES: there
  // is nothing at `path`, and its length is that of a socket's. Unavailable with the reason if it
  // cannot be made.
  static absl::StatusOr<ListeningSockets> OnPath(const std::string& path,
                                                 std::optional<mode_t> mode);

  ListeningSockets(ListeningSockets&& other) noexcept;
  ListeningSockets& operator=(ListeningSockets&& other) = delete;
  ~ListeningSockets();

  const std::vector<int>& descriptors() const { return descriptors_; }
  // 0 on a Unix socket.
  uint16_t port() const { return port_; }

  // Takes those of the other one as well.
  void Add(ListeningSockets other);

 private:
  ListeningSockets() = default;

  std::vector<int> descriptors_;
  uint16_t port_ = 0;
};

}  // namespace belfry::net
