#pragma once

// Durations and timestamps as protobuf's JSON writes them: "1.500s", "2025-01-02T03:04:05Z".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace belfry::sidecar {

// Seconds and nanoseconds as google.protobuf.Duration and Timestamp hold them.
struct SecondsNanos {
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;
};

// Reads decimal seconds with at most 9 fraction digits and an `s`; nothing if it is not that or is
// longer than 10,000 years. Seconds and nanoseconds of the result have the same sign.
std::optional<SecondsNanos> ParseDurationText(std::string_view text);

// Writes 0, 3, 6 or 9 fraction digits; nothing if the value is out of range or its signs differ.
std::optional<std::string> DurationText(SecondsNanos duration);

// Reads an RFC 3339 instant of the years 1 to 9999 with at most 9 fraction digits.
std::optional<SecondsNanos> ParseTimestampText(std::string_view text);

// Writes it in UTC with 0, 3, 6 or 9 fraction digits; nothing if the year is not 1 to 9999.
std::optional<std::string> TimestampText(SecondsNanos timestamp);

}  // namespace belfry::sidecar
