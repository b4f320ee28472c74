#include "scheduler/schedule/point_in_time.h"

#include <spdlog/fmt/fmt.h>

#include <optional>
#include <string>

#include "scheduler/schedule/go_duration.h"
#include "scheduler/schedule/iso8601_duration.h"
#include "scheduler/schedule/rfc3339.h"
#include "scheduler/schedule/text.h"
#include "scheduler/schedule/time_range.h"

namespace belfry {
namespace {

// What a field is called in messages, and what it says to a repetition.
struct Field {
  std::string_view name;
  std::string_view repetition_error;
};
constexpr Field kDueTime = {"due time", "repeats not supported for due time"};
constexpr Field kTtl = {"ttl", "ttl format not recognized"};

absl::Status OutOfRange(const Field& field, std::string_view text) {
  return absl::InvalidArgumentError(
      fmt::format("{} {} lies outside the years 1-9999", field.name, Quote(text)));
}

absl::StatusOr<absl::Time> Parse(const Field& field, std::string_view text, absl::Time base) {
  std::optional<absl::Time> time;
  if (text.size() > kMaxPointInTimeBytes) text = {};
  if (const auto instant = ParseRfc3339(text)) {
    time = *instant;
  } else if (const auto go = ParseGoDuration(text); go.ok()) {
    time = base + *go;
  } else if (const auto iso = ParseIso8601Duration(text)) {
    if (iso->has_repetition) {
      return absl::InvalidArgumentError(std::string(field.repetition_error));
    }
    time = AddDuration(base, *iso);
  } else {
    return absl::InvalidArgumentError(fmt::format("{} format not recognized", field.name));
  }
  if (!time || !InTimeRange(*time)) return OutOfRange(field, text);
  return *time;
}

}  // namespace

absl::StatusOr<absl::Time> ParseDueTime(std::string_view text, absl::Time now) {
  return Parse(kDueTime, text, now);
}

absl::StatusOr<absl::Time> ParseTtl(std::string_view text, absl::Time base) {
  return Parse(kTtl, text, base);
}

}  // namespace belfry
