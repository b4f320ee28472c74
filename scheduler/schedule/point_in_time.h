#pragma once

// The texts of a job that name one moment: its due time and its ttl. Each is an RFC 3339 instant, a
// Go duration or an ISO 8601 duration, tried in this order.

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace belfry {

// Longer texts are refused like any other that is in none of the forms.
inline constexpr size_t kMaxPointInTimeBytes = 1024;

// A due time; durations count from `now`, the job's creation. The past is fine. InvalidArgument
// "due time format not recognized", "repeats not supported for due time", or, for a moment outside
// the years 1 to 9999, a message that names the value.
// REQUIRES: InTimeRange(now).
absl::StatusOr<absl::Time> ParseDueTime(std::string_view text, absl::Time now);

// A ttl; durations count from `base`: the due time if the job has one, else its creation.
// InvalidArgument "ttl format not recognized", or a message that names the value, as above.
// REQUIRES: InTimeRange(base).
absl::StatusOr<absl::Time> ParseTtl(std::string_view text, absl::Time base);

}  // namespace belfry
