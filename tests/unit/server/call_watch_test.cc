#include "client/net/call_watch.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace belfry::net {
namespace {

using Peers = std::vector<std::string>;

constexpr CallLimits kLimits{.per_connection = 10, .total = 25};

TEST_CASE("connections within the limits stay") {
  CHECK(ConnectionsToEnd({}, kLimits) == Peers{});
  CHECK(ConnectionsToEnd({{"a", 10}, {"b", 10}, {"c", 5}}, kLimits) == Peers{});
}

TEST_CASE("a connection with too many calls ends") {
  CHECK(ConnectionsToEnd({{"a", 1}, {"b", 11}, {"c", 10}}, kLimits) == Peers{"b"});
  CHECK(ConnectionsToEnd({{"a", 12}, {"b", 11}}, kLimits) == Peers{"a", "b"});
}

TEST_CASE("of too many calls those end that belong to the connections with the most") {
  CHECK(ConnectionsToEnd({{"a", 4}, {"b", 8}, {"c", 9}, {"d", 8}}, kLimits) == Peers{"c"});
  CHECK(ConnectionsToEnd({{"a", 10}, {"b", 9}, {"c", 8}, {"d", 7}}, kLimits) == Peers{"a"});
  CHECK(ConnectionsToEnd({{"a", 10}, {"b", 9}, {"c", 9}, {"d", 8}, {"e", 9}}, kLimits).size() == 3);
}

}  // namespace
}  // namespace belfry::net
