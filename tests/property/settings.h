#pragma once

// How a run of the property tests is chosen. Environment variables, as the tests' main is Catch2's:
//   BELFRY_PROPERTY_SEED   the seed of everything random; the default is the same for every run
//   BELFRY_PROPERTY_SCALE  multiplies the number of random trials, 1 to 1000; the default is 1
//   BELFRY_PROPERTY_ZONE   looks at this zone only

#include <cstdint>
#include <string>
#include <string_view>

namespace belfry {

struct PropertySettings {
  uint64_t seed = 0;
  int scale = 1;
  std::string zone;  // empty: all
};

// Read once and printed when first used. Fails the test if a variable is not a number in range.
const PropertySettings& Settings();

// Numbers that depend on nothing but the seed; the standard's distributions differ between
// libraries.
class Random {
 public:
  // `stream` makes the numbers of one zone or test independent of the others, so that a failure can
  // be replayed alone.
  explicit Random(std::string_view stream);

  // A number from 0 to n - 1. REQUIRES: n > 0.
  uint64_t Below(uint64_t n);
  // A number from low to high. REQUIRES: low <= high.
  int64_t Between(int64_t low, int64_t high);
  // True once in `n` calls.
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

}  // namespace belfry
