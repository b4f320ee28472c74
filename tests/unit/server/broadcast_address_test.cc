#include "server/broadcast_address.h"

#include <cstdlib>

#include <catch2/catch.hpp>

namespace belfry::server {
namespace {

std::string Host4() { return "10.1.2.3"; }
std::string Host6() { return "fd00::7"; }

TEST_CASE("the override is advertised as it is") {
  CHECK(BroadcastAddress("anything at all", "127.0.0.1", 1, Host4) == "anything at all");
}

TEST_CASE("a listen address that names one address is advertised") {
  CHECK(BroadcastAddress("", "127.0.0.1", 50006, Host4) == "127.0.0.1:50006");
  CHECK(BroadcastAddress("", "localhost", 1, Host4) == "localhost:1");
  CHECK(BroadcastAddress("", "::1", 1, Host4) == "[::1]:1");
  CHECK(BroadcastAddress("", "[::1]", 1, Host4) == "[::1]:1");
  CHECK(BroadcastAddress("", "10.9.9.9", 1, Host4) == "10.9.9.9:1");
}

TEST_CASE("loopback addresses are those that only this machine can reach") {
  for (const char* address : {"127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"}) {
    CHECK(IsLoopbackAddress(address));
  }
  for (const char* address : {"", "0.0.0.0", "::", "10.0.0.1", "example.org", "1270.0.0.1"}) {
    CHECK_FALSE(IsLoopbackAddress(address));
  }
}

TEST_CASE("for all interfaces the host's address is advertised") {
  for (const char* wildcard : {"", "0.0.0.0", "::", "[::]"}) {
    CHECK(BroadcastAddress("", wildcard, 50006, Host4) == "10.1.2.3:50006");
    CHECK(BroadcastAddress("", wildcard, 50006, Host6) == "[fd00::7]:50006");
  }
}

TEST_CASE("the best address is the one that reaches furthest") {
  using Addresses = std::vector<std::string>;
  CHECK(BestAddress({}) == std::nullopt);
  CHECK(BestAddress({"127.0.0.1", "::1", "192.0.0.3", "0.0.0.0", "::", "224.0.0.1", "junk"}) ==
        std::nullopt);
  // Each list is in ascending order of preference.
  const Addresses ascending = {"169.254.1.1", "fd12::1", "192.168.0.9", "2001:db8:1::1", "8.8.4.4"};
  for (size_t i = 0; i < ascending.size(); ++i) {
    const Addresses first_ones(ascending.begin(), ascending.begin() + static_cast<long>(i) + 1);
    CHECK(BestAddress(first_ones) == ascending[i]);
  }
  for (const char* private_address : {"10.0.0.1", "172.16.0.1", "172.31.255.1", "100.64.0.1"}) {
    CHECK(BestAddress({private_address, "2001:db8:1::1"}) == "2001:db8:1::1");
    CHECK(BestAddress({"fd00::1", private_address}) == private_address);
  }
  CHECK(BestAddress({"172.32.0.1", "2001:db8:1::1"}) == "172.32.0.1");
  CHECK(BestAddress({"fe80::1", "fc00::1"}) == "fc00::1");
  CHECK(BestAddress({"10.0.0.1", "10.0.0.2"}) == "10.0.0.1");
}

TEST_CASE("the environment tells the host's address before anything else") {
  setenv("DAPR_HOST_IP", "203.0.113.7", 1);
  CHECK(HostAddress().value() == "203.0.113.7");
  unsetenv("DAPR_HOST_IP");
}

}  // namespace
}  // namespace belfry::server
