#include "client/net/reset_guard.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "absl/time/time.h"
#include "boost/asio/io_context.hpp"
#include "boost/asio/ip/tcp.hpp"
#include "client/net/open_connections.h"

namespace belfry::net {
namespace {

using tcp = boost::asio::ip::tcp;

constexpr char kFast[] = "ipv4:10.0.0.1:1000";
constexpr char kSlow[] = "ipv4:10.0.0.2:1000";
constexpr int kBurst = static_cast<int>(kResetBurst);

struct Fixture {
  void Reset(const std::string& peer, int count) {
    for (int i = 0; i < count; ++i) guard.CountReset(peer, now);
  }

  std::vector<std::string> broken;
  ResetGuard guard{[this](const std::string& peer) {
    broken.push_back(peer);
    return 1;
  }};
  absl::Time now = absl::FromUnixSeconds(1'700'000'000);
};

TEST_CASE("a client that resets more calls than anybody may loses its connection") {
  Fixture f;
  f.Reset(kSlow, kBurst - 1);
  f.Reset(kFast, kBurst - 1);
  CHECK(f.broken.empty());
  f.Reset(kFast, 1);
  CHECK(f.broken == std::vector<std::string>{kFast});
  // Calls that are still worked off do not end it again and again, but one that got through does.
  f.Reset(kFast, kBurst);
  CHECK(f.broken.size() == 1);
  f.now += absl::Seconds(1);
  f.Reset(kFast, kBurst);
  CHECK(f.broken.size() == 2);
}

TEST_CASE("a client may go on resetting calls at the rate that is allowed") {
  Fixture f;
  f.Reset(kSlow, kBurst - 1);
  for (int second = 0; second < 60; ++second) {
    f.now += absl::Seconds(1);
    f.Reset(kSlow, static_cast<int>(kResetsPerSecond));
  }
  CHECK(f.broken.empty());
  f.Reset(kSlow, 1);
  CHECK(f.broken.size() == 1);
}

TEST_CASE("many clients are told apart, and forgotten") {
  Fixture f;
  for (int round = 0; round < 3; ++round) {
    for (int client = 0; client < 3000; ++client) {
      f.Reset("ipv4:10.0.0.3:" + std::to_string(client), 3);
    }
    f.now += absl::Seconds(11);
  }
  CHECK(f.broken.empty());
}

// Two ends of a connection over the loopback interface.
struct Pair {
  explicit Pair(const tcp::endpoint& at) : acceptor(io, at), client(io), server(io) {
    client.connect(acceptor.local_endpoint());
    acceptor.accept(server);
  }
  bool IsBroken() {
    boost::system::error_code error;
    client.non_blocking(true);
    char byte = 0;
    client.read_some(boost::asio::buffer(&byte, 1), error);
    return error == boost::asio::error::connection_reset;
  }
  std::string port() const { return std::to_string(client.local_endpoint().port()); }

  boost::asio::io_context io;
  tcp::acceptor acceptor;
  tcp::socket client;
  tcp::socket server;
};

TEST_CASE("a connection is found by its other end") {
  Pair v4({boost::asio::ip::address_v4::loopback(), 0});
  Pair other({boost::asio::ip::address_v4::loopback(), 0});
  CHECK(BreakConnectionsFrom("ipv4:127.0.0.2:" + v4.port()) == 0);
  CHECK(BreakConnectionsFrom("unix:") == 0);
  CHECK(BreakConnectionsFrom("ipv4:127.0.0.1") == 0);
  CHECK_FALSE(v4.IsBroken());
  CHECK(BreakConnectionsFrom("ipv4:127.0.0.1:" + v4.port()) == 1);
  CHECK(v4.IsBroken());
  CHECK_FALSE(other.IsBroken());
  Pair v6({boost::asio::ip::address_v6::loopback(), 0});
  CHECK(BreakConnectionsFrom("ipv6:%5B::1%5D:" + v6.port()) == 1);
  CHECK(v6.IsBroken());
}

}  // namespace
}  // namespace belfry::net
