#pragma once

// ConnectionAcceptor: takes connections for a server.
//
// Why not gRPC's own: it stops for good to listen when the process has run out of descriptors once
// (gRPC 1.51). And any server would take as many connections as there are descriptors, of which
// files need some.

#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "client/net/listening_sockets.h"

namespace belfry::net {

// Descriptors that connections leave to files, or a quarter of what the process may have if that is
// less.
inline constexpr int kReservedDescriptors = 256;

// Raises the process's limit of descriptors as far as it may without a privilege.
void RaiseDescriptorLimit();

struct AcceptorOptions {
  // How long bytes may stay unacknowledged until the system gives a connection of TCP up; zero
  // leaves that to the system.
  absl::Duration user_timeout;
  // Whether connections may have the descriptors that are left to files: for a port with a small
  // limit of its own, which must answer when others are full.
  bool uses_reserve = false;
  // Given each connection, a descriptor that does not block; called on one thread, owns it then.
  std::function<void(int fd)> take;
};

// How often it is logged, at most, that connections were closed for lack of descriptors.
inline constexpr absl::Duration kRefusalPeriod = absl::Seconds(10);

// Thread safety: belongs to its owner.
class ConnectionAcceptor {
 public:
  // Begins.
  ConnectionAcceptor(ListeningSockets sockets, AcceptorOptions options);
  // Ends: connections that have not been taken are refused from now on, and `take` does not run any
  // more.
  ~ConnectionAcceptor();
  ConnectionAcceptor(const ConnectionAcceptor&) = delete;
  ConnectionAcceptor& operator=(const ConnectionAcceptor&) = delete;

  uint16_t port() const { return sockets_.port(); }

 private:
  void ThreadMain();
  // Takes all that wait at one socket. False if it should be left alone for a while.
  bool AcceptAll(int listener);
  void Refuse(int fd);

  const ListeningSockets sockets_;
  const AcceptorOptions options_;
  const int stop_event_;  // readable when the thread is to end
  // The thread's.
  int refused_ = 0;
  absl::Time told_ = absl::InfinitePast();
  std::thread thread_;  // the last: it uses the others
};

}  // namespace belfry::net
