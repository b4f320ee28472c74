#include "client/net/connection_acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "spdlog/spdlog.h"

namespace belfry::net {
namespace {

// After the system has refused one, e.g. because all its descriptors are in use.
constexpr int kPauseMs = 100;

// Descriptors are given out in order, the lowest that is free first: one of this number or more
// means that there are too many.
int FirstReserved() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024 - kReservedDescriptors;
  const auto all = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, INT32_MAX));
  return all - std::min(kReservedDescriptors, all / 4);
}

void SetOptions(int fd, absl::Duration user_timeout) {
  // Those of a Unix socket's connection it refuses, and needs none.
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const auto milliseconds = static_cast<unsigned>(absl::ToInt64Milliseconds(user_timeout));
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof(milliseconds));
}

}  // namespace

void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

ConnectionAcceptor::ConnectionAcceptor(ListeningSockets sockets, AcceptorOptions options)
    : sockets_(std::move(sockets)),
      options_(std::move(options)),
      stop_event_(::eventfd(0, EFD_CLOEXEC)),
      thread_([this] { ThreadMain(); }) {}

ConnectionAcceptor::~ConnectionAcceptor() {
  const uint64_t one = 1;
  // An event whose count is 0 takes it at once.
  if (::write(stop_event_, &one, sizeof(one)) == sizeof(one)) thread_.join();
  ::close(stop_event_);
}

void ConnectionAcceptor::ThreadMain() {
  std::vector<pollfd> files = {{stop_event_, POLLIN, 0}};
  for (const int fd : sockets_.descriptors()) files.push_back({fd, POLLIN, 0});
  while (true) {
    if (::poll(files.data(), files.size(), -1) < 0) continue;  // EINTR
    if (files.front().revents != 0) return;
    bool pauses = false;
    for (size_t i = 1; i < files.size(); ++i) {
      if (files[i].revents != 0 && !AcceptAll(files[i].fd)) pauses = true;
    }
    if (pauses && ::poll(files.data(), 1, kPauseMs) > 0) return;
  }
}

bool ConnectionAcceptor::AcceptAll(int listener) {
  const int first_reserved =
      options_.uses_reserve ? std::numeric_limits<int>::max() : FirstReserved();
  while (true) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= first_reserved) {
      Refuse(fd);
    } else if (fd >= 0) {
      SetOptions(fd, options_.user_timeout);
      options_.take(fd);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return true;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return false;
    }
  }
}

void ConnectionAcceptor::Refuse(int fd) {
  ::close(fd);
  ++refused_;
  const absl::Time now = absl::Now();
  if (now - told_ < kRefusalPeriod) return;
  told_ = now;
  spdlog::warn(
      "connections closed, because there are too many for the process's limit of descriptors "
      "connections={}",
      std::exchange(refused_, 0));
}

}  // namespace belfry::net
