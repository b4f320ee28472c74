#include "tests/bench/histogram.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

namespace belfry::bench {
namespace {

TEST_CASE("Histogram: an empty one answers zero") {
  const Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.Percentile(99) == 0);
  CHECK(histogram.mean() == 0);
}

TEST_CASE("Histogram: percentiles are within one percent of the sorted values") {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> spread(12, 3);
  Histogram histogram;
  std::vector<int64_t> values;
  for (int i = 0; i < 100000; ++i) {
    const auto value = static_cast<int64_t>(std::min(spread(random), 1e12));
    values.push_back(value);
    histogram.Record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double percent : {0.1, 10.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto rank = static_cast<size_t>(percent / 100 * static_cast<double>(values.size()));
    const auto exact = static_cast<double>(values[std::max<size_t>(rank, 1) - 1]);
    CHECK(static_cast<double>(histogram.Percentile(percent)) == Approx(exact).epsilon(0.01));
  }
  CHECK(histogram.min() == values.front());
  CHECK(histogram.max() == values.back());
}

TEST_CASE("Histogram: small values and the ends of the range are exact") {
  Histogram histogram;
  for (const int64_t value : {0, 1, 255, 256}) histogram.Record(value);
  CHECK(histogram.Percentile(25) == 0);
  CHECK(histogram.Percentile(50) == 1);
  CHECK(histogram.Percentile(75) == 255);
  CHECK(histogram.Percentile(100) == 256);
  histogram.Record(Histogram::kMaxNs * 2);
  CHECK(histogram.max() == Histogram::kMaxNs * 2);
  histogram.Record(-5);
  CHECK(histogram.min() == 0);
}

TEST_CASE("Histogram: adding counts what the other has counted") {
  Histogram a;
  Histogram b;
  a.Record(10);
  b.Record(30);
  b.Record(20);
  a.Add(b);
  CHECK(a.count() == 3);
  CHECK(a.min() == 10);
  CHECK(a.max() == 30);
  CHECK(a.Percentile(50) == 20);
  CHECK(a.mean() == Approx(20));
}

}  // namespace
}  // namespace belfry::bench
