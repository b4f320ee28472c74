#pragma once

// Histogram: counts durations in buckets whose width grows with the value, so that every percentile
// is within 1 % of the truth whatever the range, and recording costs a few nanoseconds.
// Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace belfry::bench {

class Histogram {
 public:
  Histogram();

  // Counts one duration (ns). Negative ones count as zero, those above kMaxNs (18 minutes) as
  // kMaxNs in the buckets; min and max are exact.
  void Record(int64_t ns);

  void Add(const Histogram& other);

  uint64_t count() const { return count_; }
  // Of an empty histogram all of these are zero.
  int64_t min() const { return count_ == 0 ? 0 : min_; }
  int64_t max() const { return max_; }
  double mean() const;
  // The duration (ns) that `percent` (0 to 100) of all recorded ones do not exceed.
  int64_t Percentile(double percent) const;

  static constexpr int64_t kMaxNs = int64_t{1} << 40;

 private:
  static size_t BucketOf(int64_t ns);
  // The largest duration that falls into a bucket.
  static int64_t UpperEnd(size_t bucket);

  std::vector<uint64_t> buckets_;
  uint64_t count_ = 0;
  int64_t min_ = 0;
  int64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace belfry::bench
