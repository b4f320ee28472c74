#include "storage/garbage_collector.h"

#include "catch2/catch.hpp"

namespace belfry {
namespace {

constexpr uint64_t kMany = 50 * kGarbageJobsMin;

TEST_CASE("a store that rests after many deletes is cleaned up once") {
  GarbageWatch watch;
  absl::Duration now = absl::Hours(1);
  CHECK_FALSE(watch.IsTime(0, kMany, now));
  CHECK_FALSE(watch.IsTime(kMany, 0, now += absl::Seconds(2)));
  CHECK_FALSE(watch.IsTime(kMany, 0, now += kCalmTime - absl::Seconds(1)));
  CHECK(watch.IsTime(kMany, 0, now += absl::Seconds(1)));
  CHECK_FALSE(watch.IsTime(kMany, 0, now += kCalmTime));
  CHECK_FALSE(watch.IsTime(kMany + kCalmDeletes - 1, 0, now += kCalmTime));
}

TEST_CASE("a store that is busy deleting is left alone") {
  GarbageWatch watch;
  absl::Duration now = absl::ZeroDuration();
  uint64_t deleted = 0;
  for (int i = 0; i < 100; ++i) {
    CHECK_FALSE(watch.IsTime(deleted += kCalmDeletes, 0, now += absl::Seconds(2)));
  }
}

TEST_CASE("a slow flow of deletes is no reason to wait") {
  GarbageWatch watch;
  absl::Duration now = absl::ZeroDuration();
  CHECK_FALSE(watch.IsTime(kMany, 0, now));
  uint64_t deleted = kMany;
  int cleanups = 0;
  for (const absl::Duration end = now + 2 * kCalmTime; now < end; now += absl::Seconds(1)) {
    if (watch.IsTime(deleted += 50, 0, now)) ++cleanups;
  }
  CHECK(cleanups == 1);
}

TEST_CASE("what has to be rewritten is never more than what goes") {
  GarbageWatch watch;
  absl::Duration now = absl::ZeroDuration();
  CHECK_FALSE(watch.IsTime(kMany, kMany + 1, now));
  CHECK_FALSE(watch.IsTime(kMany, kMany + 1, now += kCalmTime));
  CHECK(watch.IsTime(kMany, kMany, now += kCalmTime));
}

TEST_CASE("a few deletes are not worth it") {
  GarbageWatch watch;
  absl::Duration now = absl::ZeroDuration();
  CHECK_FALSE(watch.IsTime(kGarbageJobsMin - 1, 0, now));
  CHECK_FALSE(watch.IsTime(kGarbageJobsMin - 1, 0, now += kCalmTime));
  CHECK(watch.IsTime(kGarbageJobsMin, 0, now += kCalmTime));
}

}  // namespace
}  // namespace belfry
