#pragma once

// Random: the one source of chance in a run. Gives the same numbers on every machine.
// Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace belfry::sim {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // SplitMix64.
  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // 0 to n-1. REQUIRES: n > 0.
  int Below(int n) { return static_cast<int>(Next() % static_cast<uint64_t>(n)); }
  // Both ends included.
  int Between(int low, int high) { return low + Below(high - low + 1); }
  bool OneIn(int n) { return Below(n) == 0; }
  bool PerMille(int chance) { return Below(1000) < chance; }

  // REQUIRES: the list is not empty.
  size_t IndexOf(size_t size) { return static_cast<size_t>(Next() % size); }
  template <typename T>
  const T& Pick(const std::vector<T>& values) {
    return values[IndexOf(values.size())];
  }

 private:
  uint64_t state_;
};

}  // namespace belfry::sim
