#pragma once

// Random: the one source of chance in a run. Gives the same numbers on every machine. A fuzzer may
// say what the first choices are.
// Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace belfry {

class Random {
 public:
  // `choices`, two bytes for each, come before what the seed gives; they are borrowed.
  explicit Random(uint64_t seed, std::string_view choices = {}) : state_(seed), choices_(choices) {}

  // A choice, or SplitMix64.
  uint64_t Next() {
    if (choices_.size() >= 2) {
      const auto choice = static_cast<uint64_t>(static_cast<unsigned char>(choices_[0])) << 8 |
                          static_cast<unsigned char>(choices_[1]);
      choices_.remove_prefix(2);
      return choice;
    }
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
  std::string_view choices_;
};

}  // namespace belfry
