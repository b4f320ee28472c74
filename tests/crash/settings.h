#pragma once

// What the environment says about the crash tests. Without a word they are short.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace belfry::crash {

inline uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

// BELFRY_TEST_SEED, or drawn; printed first, so that a run can be repeated.
inline uint64_t Seed() {
  static const uint64_t seed = [] {
    const uint64_t drawn = FromEnvironment("BELFRY_TEST_SEED", std::random_device{}());
    std::cout << "BELFRY_TEST_SEED=" << drawn << std::endl;
    return drawn;
  }();
  return seed;
}

// BELFRY_CRASH_STRIDE: of so many calls of the file system, one is made to fail.
inline uint64_t SweepStride() { return FromEnvironment("BELFRY_CRASH_STRIDE", 13); }

// BELFRY_CRASH_KILLS: how often the scheduler is killed.
inline int Kills() { return static_cast<int>(FromEnvironment("BELFRY_CRASH_KILLS", 20)); }

}  // namespace belfry::crash
