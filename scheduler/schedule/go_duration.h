#pragma once

// Durations as Go writes them: "1h30m", "-1.5s", "10ms".

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace belfry {

// An optional sign, then one or more pairs of a decimal number and a unit (ns, us, µs, ms, s, m,
// h); a bare "0" needs no unit. The result is a whole number of nanoseconds (fractions of one are
// cut off) within -2^63..2^63-1. InvalidArgument says what is wrong and quotes the text.
absl::StatusOr<absl::Duration> ParseGoDuration(std::string_view text);

}  // namespace belfry
