#include "scheduler/engine/concurrency_limits.h"

#include <catch2/catch.hpp>

namespace belfry {
namespace {

TEST_CASE("a limit is what the last watcher said, until none is left that named it") {
  ConcurrencyLimits limits;
  REQUIRE(limits.Of(1, "") == std::nullopt);
  limits.Declare(10, {{1, "", 5}, {1, "key", 2}});
  limits.Declare(11, {{1, "", 7}});
  REQUIRE(limits.Of(1, "") == size_t{7});
  REQUIRE(limits.Of(1, "key") == size_t{2});
  REQUIRE(limits.Of(1, "other") == std::nullopt);
  REQUIRE(limits.Of(2, "") == std::nullopt);

  REQUIRE(limits.Withdraw(11) == std::vector<uint32_t>{1});
  REQUIRE(limits.Of(1, "") == size_t{7});
  REQUIRE(limits.Names(1));
  REQUIRE(limits.Withdraw(10) == std::vector<uint32_t>{1});
  REQUIRE(limits.Of(1, "") == std::nullopt);
  REQUIRE(limits.Of(1, "key") == std::nullopt);
  REQUIRE(!limits.Names(1));
}

TEST_CASE("a watcher that declared nothing takes nothing away") {
  ConcurrencyLimits limits;
  limits.Declare(10, {{1, "", 5}});
  limits.Declare(11, {});
  REQUIRE(limits.Withdraw(11).empty());
  REQUIRE(limits.Of(1, "") == size_t{5});
}

TEST_CASE("a limit that a watcher declares twice counts once for it") {
  ConcurrencyLimits limits;
  limits.Declare(10, {{2, "", 5}, {1, "", 4}, {2, "", 6}});
  REQUIRE(limits.Of(2, "") == size_t{6});
  REQUIRE(limits.Withdraw(10) == std::vector<uint32_t>{1, 2});
  REQUIRE(limits.Of(2, "") == std::nullopt);
}

}  // namespace
}  // namespace belfry
