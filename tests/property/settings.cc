#include "tests/property/settings.h"

#include <catch2/catch.hpp>
#include <charconv>
#include <cstdlib>
#include <iostream>

namespace belfry {
namespace {

constexpr uint64_t kDefaultSeed = 19700101;
constexpr int kMaxScale = 1000;

template <typename T>
T NumberFrom(const char* variable, T low, T high, T otherwise) {
  const char* value = std::getenv(variable);
  if (value == nullptr) return otherwise;
  const std::string_view text(value);
  T number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < low || number > high) {
    FAIL(variable << "=" << text << " is not a number in " << low << ".." << high);
  }
  return number;
}

PropertySettings ReadSettings() {
  PropertySettings settings;
  settings.seed = NumberFrom<uint64_t>("BELFRY_PROPERTY_SEED", 0, UINT64_MAX, kDefaultSeed);
  settings.scale = NumberFrom<int>("BELFRY_PROPERTY_SCALE", 1, kMaxScale, 1);
  if (const char* zone = std::getenv("BELFRY_PROPERTY_ZONE")) settings.zone = zone;
  std::cout << "BELFRY_PROPERTY_SEED=" << settings.seed
            << " BELFRY_PROPERTY_SCALE=" << settings.scale << "\n";
  return settings;
}

// FNV-1a: the same on every machine.
uint64_t Hash(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

}  // namespace

const PropertySettings& Settings() {
  static const PropertySettings settings = ReadSettings();
  return settings;
}

Random::Random(std::string_view stream) : state_(Settings().seed ^ Hash(stream)) {}

// SplitMix64.
uint64_t Random::Below(uint64_t n) {
  state_ += 0x9e3779b97f4a7c15;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (z ^ (z >> 31)) % n;
}

int64_t Random::Between(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(Below(static_cast<uint64_t>(high - low) + 1));
}

}  // namespace belfry
