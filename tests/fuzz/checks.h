#pragma once

// What several fuzz targets check. A failed CHECK aborts, which the fuzzer reports.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "scheduler/base/check.h"
#include "scheduler/schedule/text.h"
#include "scheduler/schedule/time_range.h"

namespace belfry {

// A time in the years 1 to 9999, whole nanoseconds; every number gives one.
inline absl::Time TimeFrom(uint64_t number) {
  constexpr auto kSpan = static_cast<uint64_t>(kEndUnixSecond - kFirstUnixSecond);
  // Small numbers are times near 1970, where most is going on.
  const auto seconds =
      static_cast<int64_t>((number / 4 + static_cast<uint64_t>(-kFirstUnixSecond)) % kSpan);
  const absl::Time whole = absl::FromUnixSeconds(seconds + kFirstUnixSecond);
  return number % 4 == 0 ? whole : whole + absl::Nanoseconds(1 << (number % 4 * 9));
}

// Refusals go to clients: one printable line of UTF-8, with the code for bad input.
inline void CheckRefusal(const absl::Status& status) {
  CHECK(status.code() == absl::StatusCode::kInvalidArgument) << status.ToString();
  const std::string message(status.message());
  CHECK(!message.empty());
  CHECK(IsValidUtf8(message)) << message;
  for (const char c : message) CHECK(!IsControl(c)) << message;
}

}  // namespace belfry
