#include "client/src/backoff.h"

#include <random>

namespace belfry::client {

absl::Duration DrawPause(absl::Duration min, absl::Duration max) {
  if (max <= min) return min;
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_real_distribution<double> fraction(0.0, 1.0);
  return min + fraction(random) * (max - min);
}

}  // namespace belfry::client
