#include "scheduler/schedule/go_duration.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "scheduler/base/status_macros.h"
#include "scheduler/schedule/text.h"

namespace belfry {
namespace {

// The magnitude of the most negative duration; the largest positive one is one less.
constexpr uint64_t kMaxMagnitude = uint64_t{1} << 63;

struct Unit {
  std::string_view name;
  uint64_t nanoseconds;
};
constexpr std::array<Unit, 8> kUnits = {{
    {"ns", 1},
    {"us", 1'000},
    {"\u00b5s", 1'000},  // micro sign
    {"\u03bcs", 1'000},  // Greek letter mu
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
}};

// A decimal fraction: digits / scale.
struct Fraction {
  uint64_t digits = 0;
  double scale = 1;
};

std::string_view TakeDigits(std::string_view* text) {
  size_t end = 0;
  while (end < text->size() && IsDigit((*text)[end])) ++end;
  const std::string_view digits = text->substr(0, end);
  text->remove_prefix(end);
  return digits;
}

std::optional<uint64_t> ParseWhole(std::string_view digits) {
  uint64_t value = 0;
  for (const char c : digits) {
    if (value > kMaxMagnitude / 10) return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
    if (value > kMaxMagnitude) return std::nullopt;
  }
  return value;
}

// Digits that do not fit are too small to matter and are ignored.
Fraction ParseFraction(std::string_view digits) {
  Fraction fraction;
  for (const char c : digits) {
    if (fraction.digits > (kMaxMagnitude - 1) / 10) break;
    fraction.digits = fraction.digits * 10 + static_cast<uint64_t>(c - '0');
    fraction.scale *= 10;
  }
  return fraction;
}

std::string_view TakeUnit(std::string_view* text) {
  size_t end = 0;
  while (end < text->size() && (*text)[end] != '.' && !IsDigit((*text)[end])) ++end;
  const std::string_view unit = text->substr(0, end);
  text->remove_prefix(end);
  return unit;
}

std::optional<uint64_t> UnitNanoseconds(std::string_view name) {
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return unit.nanoseconds;
  }
  return std::nullopt;
}

absl::Status Invalid(std::string_view text, std::string_view problem) {
  return absl::InvalidArgumentError(fmt::format("duration {} {}", Quote(text), problem));
}

// Reads one number with its unit from the front of `rest`; nanoseconds, at most kMaxMagnitude.
absl::StatusOr<uint64_t> TakeComponent(std::string_view text, std::string_view* rest) {
  const std::string_view whole_digits = TakeDigits(rest);
  std::string_view fraction_digits;
  if (rest->starts_with('.')) {
    rest->remove_prefix(1);
    fraction_digits = TakeDigits(rest);
  }
  if (whole_digits.empty() && fraction_digits.empty()) {
    return Invalid(text, "is not a number with a unit such as 10s or 1h30m");
  }
  const std::string_view unit_name = TakeUnit(rest);
  if (unit_name.empty()) return Invalid(text, "has no unit");
  const std::optional<uint64_t> unit = UnitNanoseconds(unit_name);
  if (!unit) return Invalid(text, fmt::format("has an unknown unit {}", Quote(unit_name)));

  const std::optional<uint64_t> whole = ParseWhole(whole_digits);
  if (!whole || *whole > kMaxMagnitude / *unit) return Invalid(text, "is out of range");
  const Fraction fraction = ParseFraction(fraction_digits);
  // Floating point on purpose: Go computes it this way, and the last nanosecond must agree.
  const double part =
      static_cast<double>(fraction.digits) * (static_cast<double>(*unit) / fraction.scale);
  const uint64_t total = *whole * *unit + static_cast<uint64_t>(part);
  if (total > kMaxMagnitude) return Invalid(text, "is out of range");
  return total;
}

}  // namespace

absl::StatusOr<absl::Duration> ParseGoDuration(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return absl::ZeroDuration();
  if (rest.empty()) return Invalid(text, "is not a number with a unit such as 10s or 1h30m");

  uint64_t magnitude = 0;
  while (!rest.empty()) {
    ASSIGN_OR_RETURN(const uint64_t component, TakeComponent(text, &rest));
    magnitude += component;
    if (magnitude > kMaxMagnitude) return Invalid(text, "is out of range");
  }
  if (magnitude == kMaxMagnitude) {
    if (!negative) return Invalid(text, "is out of range");
    return absl::Nanoseconds(std::numeric_limits<int64_t>::min());
  }
  const auto nanoseconds = static_cast<int64_t>(magnitude);
  return absl::Nanoseconds(negative ? -nanoseconds : nanoseconds);
}

}  // namespace belfry
