#include "server/log_limiter.h"

#include <catch2/catch.hpp>

namespace belfry::server {
namespace {

TEST_CASE("lines of one kind are limited, and what was dropped is told by the next") {
  LogLimiter limiter(2, absl::Minutes(1));
  const char file[] = "a.cc";
  absl::Duration now = absl::Hours(5);
  CHECK(limiter.Admit(file, 1, now) == 0);
  CHECK(limiter.Admit(file, 1, now) == 0);
  CHECK_FALSE(limiter.Admit(file, 1, now).has_value());
  now += absl::Seconds(59);
  CHECK_FALSE(limiter.Admit(file, 1, now).has_value());
  // Another place has lines of its own.
  CHECK(limiter.Admit(file, 2, now) == 0);
  now += absl::Seconds(1);
  CHECK(limiter.Admit(file, 1, now) == 2);
  CHECK(limiter.Admit(file, 1, now) == 0);
  CHECK_FALSE(limiter.Admit(file, 1, now).has_value());
}

}  // namespace
}  // namespace belfry::server
