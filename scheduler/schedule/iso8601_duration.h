#pragma once

// Durations as ISO 8601 writes them: "P1Y2M3DT4H5M6S".

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace belfry {

// A length in calendar units and a length of time; no part is negative.
struct Iso8601Duration {
  int64_t years = 0;
  int64_t months = 0;
  int64_t days = 0;     // weeks count as seven
  absl::Duration time;  // hours, minutes and seconds; whole nanoseconds below 2^63
  // "R<n>/" stood before the duration, or "R<n>" instead of one. Whatever n is.
  bool has_repetition = false;
};

// Reads `[R<n>/]P[nY][nM][nW][nD][T[nH][nM][nS]]` with at least one component, no signs, no
// fractions, and nothing left over; nullopt for anything else and for what overflows 64 bits.
// Components may come in any order on their side of the "T". When one comes twice, days, weeks and
// times add up, while the last number of years or months counts.
std::optional<Iso8601Duration> ParseIso8601Duration(std::string_view text);

// The end of a duration that begins at `start`: years, months and days by the UTC calendar (31
// January plus a month is 2 or 3 March), then the time. nullopt when it lies after the year 9999.
// REQUIRES: InTimeRange(start).
std::optional<absl::Time> AddDuration(absl::Time start, const Iso8601Duration& duration);

}  // namespace belfry
