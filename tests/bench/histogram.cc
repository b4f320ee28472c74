#include "tests/bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace belfry::bench {
namespace {

// Values below 2^kLinearBits have a bucket each; above, every power of two has half as many.
constexpr int kLinearBits = 8;
constexpr int64_t kLinear = int64_t{1} << kLinearBits;
constexpr int64_t kPerOctave = kLinear / 2;
constexpr int kMaxBits = 40;
constexpr size_t kBuckets =
    static_cast<size_t>(kLinear + (kMaxBits - kLinearBits) * kPerOctave) + 1;

}  // namespace

Histogram::Histogram() : buckets_(kBuckets) {}

size_t Histogram::BucketOf(int64_t ns) {
  const int64_t value = std::clamp<int64_t>(ns, 0, kMaxNs);
  if (value < kLinear) return static_cast<size_t>(value);
  const int shift = static_cast<int>(std::bit_width(static_cast<uint64_t>(value))) - kLinearBits;
  const int64_t in_octave = (value >> shift) - kPerOctave;
  return static_cast<size_t>(kLinear + (shift - 1) * kPerOctave + in_octave);
}

int64_t Histogram::UpperEnd(size_t bucket) {
  const auto index = static_cast<int64_t>(bucket);
  if (index < kLinear) return index;
  const int64_t shift = (index - kLinear) / kPerOctave + 1;
  const int64_t in_octave = (index - kLinear) % kPerOctave + kPerOctave;
  return ((in_octave + 1) << shift) - 1;
}

void Histogram::Record(int64_t ns) {
  ns = std::max<int64_t>(ns, 0);
  ++buckets_[BucketOf(ns)];
  min_ = count_ == 0 ? ns : std::min(min_, ns);
  max_ = std::max(max_, ns);
  sum_ += static_cast<double>(ns);
  ++count_;
}

void Histogram::Add(const Histogram& other) {
  if (other.count_ == 0) return;
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
  count_ += other.count_;
}

double Histogram::mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

int64_t Histogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  const double wanted = std::ceil(percent / 100 * static_cast<double>(count_));
  const auto rank = std::max<uint64_t>(static_cast<uint64_t>(wanted), 1);
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::clamp(UpperEnd(i), min_, max_);
  }
  return max_;
}

}  // namespace belfry::bench
