#include "tests/unit/client/silent_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

namespace belfry {

namespace {

constexpr int kPollMs = 20;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

SilentProxy::SilentProxy(int target_port) : target_port_(target_port) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  REQUIRE(listener_ >= 0);
  sockaddr_in address = Loopback(0);
  REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  REQUIRE(listen(listener_, SOMAXCONN) == 0);
  socklen_t size = sizeof(address);
  REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { ThreadMain(); });
}

SilentProxy::~SilentProxy() {
  is_stopping_ = true;
  thread_.join();
  for (const Pair& pair : pairs_) {
    close(pair.client);
    close(pair.server);
  }
  close(listener_);
}

void SilentProxy::ThreadMain() {
  while (!is_stopping_) {
    std::vector<pollfd> fds{{listener_, POLLIN, 0}};
    for (const Pair& pair : pairs_) {
      // poll passes over negative descriptors.
      fds.push_back({pair.is_closed ? -1 : pair.client, POLLIN, 0});
      fds.push_back({pair.is_closed || is_silent_ ? -1 : pair.server, POLLIN, 0});
    }
    if (poll(fds.data(), fds.size(), kPollMs) <= 0) continue;
    for (size_t i = 0; i < pairs_.size(); ++i) {
      if (fds[1 + 2 * i].revents != 0) Forward(&pairs_[i], true);
      if (fds[2 + 2 * i].revents != 0 && !pairs_[i].is_closed) Forward(&pairs_[i], false);
    }
    if (fds[0].revents != 0) Accept();
  }
}

void SilentProxy::Accept() {
  Pair pair{accept(listener_, nullptr, nullptr), socket(AF_INET, SOCK_STREAM, 0)};
  const sockaddr_in address = Loopback(target_port_);
  connect(pair.server, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  pairs_.push_back(pair);
}

void SilentProxy::Forward(Pair* pair, bool from_client) {
  std::array<char, 16384> buffer;
  const ssize_t size =
      recv(from_client ? pair->client : pair->server, buffer.data(), buffer.size(), 0);
  if (size > 0) {
    if (is_silent_) return;
    send(from_client ? pair->server : pair->client, buffer.data(), static_cast<size_t>(size),
         MSG_NOSIGNAL);
    return;
  }
  if (from_client) ++closed_by_client_;
  pair->is_closed = true;
  shutdown(pair->client, SHUT_RDWR);
  shutdown(pair->server, SHUT_RDWR);
}

}  // namespace belfry
