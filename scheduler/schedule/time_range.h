#pragma once

// The times that a job may have: years 1 to 9999 in UTC, the range of a protobuf Timestamp. Every
// time that enters the scheduler is checked against it, every computed one too.

#include <cstdint>

#include "absl/time/time.h"

namespace belfry {

// 0001-01-01T00:00:00Z and 10000-01-01T00:00:00Z (the first second that is too late).
inline constexpr int64_t kFirstUnixSecond = -62'135'596'800;
inline constexpr int64_t kEndUnixSecond = 253'402'300'800;

// Whether `time` lies in the years 1 to 9999.
inline bool InTimeRange(absl::Time time) {
  return time >= absl::FromUnixSeconds(kFirstUnixSecond) &&
         time < absl::FromUnixSeconds(kEndUnixSecond);
}

}  // namespace belfry
