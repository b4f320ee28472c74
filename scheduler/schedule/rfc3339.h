#pragma once

// Instants as text: RFC 3339.

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace belfry {

// Reads `YYYY-MM-DDThh:mm:ss[.fraction](Z|+hh:mm|-hh:mm)`, nothing around it: "T" and "Z" in upper
// case, a fraction of at least one digit (digits past the ninth are cut off), an offset within
// +-23:59, a day that exists, no leap second. nullopt for anything else. An offset can carry the
// result out of the years 1 to 9999: callers check with InTimeRange.
std::optional<absl::Time> ParseRfc3339(std::string_view text);

// In UTC with "Z"; a fraction only where it is not zero, without trailing zeros.
// REQUIRES: InTimeRange(time). Fractions of nanoseconds are cut off.
std::string FormatRfc3339(absl::Time time);

}  // namespace belfry
