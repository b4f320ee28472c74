#include "tests/bench/deliveries.h"

#include <catch2/catch.hpp>

#include "tests/bench/clock.h"

namespace belfry::bench {
namespace {

constexpr int64_t kHourUs = int64_t{3600} * 1'000'000;

TEST_CASE("Deliveries: duplicates, early and foreign triggers are counted as such") {
  const JobMaker maker(Options{}, "app");
  Deliveries deliveries(&maker, 3, 0);
  const int64_t now_us = WallNs() / kNsPerUs;
  deliveries.Record(maker.Name({0, now_us - kHourUs}));
  deliveries.Record(maker.Name({0, now_us - kHourUs}));
  deliveries.Record(maker.Name({1, now_us + kHourUs}));
  deliveries.Record(maker.Name({3, now_us}));
  deliveries.Record("another job");
  const DeliveryCounts counts = deliveries.counts();
  CHECK(counts.received == 2);
  CHECK(counts.duplicates == 1);
  CHECK(counts.early == 1);
  CHECK(counts.foreign == 2);
  CHECK(counts.lateness.count() == 2);
  CHECK(counts.lateness.max() >= kHourUs * kNsPerUs);
  CHECK(deliveries.WaitFor(2, 0));
  CHECK_FALSE(deliveries.WaitFor(3, kNsPerMs));
}

TEST_CASE("Deliveries: the n-th trigger of a recurring job is that of its n-th tick") {
  const JobMaker maker(Options{}, "app");
  const int64_t period_us = kHourUs;
  Deliveries deliveries(&maker, 2, period_us);
  const int64_t first_us = WallNs() / kNsPerUs - 3 * kHourUs / 2;
  deliveries.Record(maker.Name({0, first_us}));
  deliveries.Record(maker.Name({0, first_us}));
  CHECK(deliveries.counts().early == 0);
  deliveries.Record(maker.Name({0, first_us}));  // its tick is half an hour away
  CHECK(deliveries.counts().early == 1);
  CHECK(deliveries.counts().received == 3);

  const auto first_due = [&](uint64_t) { return first_us; };
  CHECK(deliveries.Missing(first_us, first_due) == 0);
  CHECK(deliveries.Missing(first_us + 1, first_due) == 1);  // of job 1
  CHECK(deliveries.Missing(first_us + period_us, first_due) == 1);
  CHECK(deliveries.Missing(first_us + period_us + 1, first_due) == 2);
  CHECK(deliveries.Missing(first_us + 3 * period_us + 1, first_due) == 5);
}

}  // namespace
}  // namespace belfry::bench
