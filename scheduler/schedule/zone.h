#pragma once

// Time zones by their IANA names.

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace belfry {

inline constexpr size_t kMaxZoneNameBytes = 64;

// The zone called `name`, e.g. "Europe/Berlin"; upper and lower case matter. An empty name, "UTC"
// and "Local" are UTC, whatever the machine's own zone is. InvalidArgument for anything that is not
// the name of a zone in the system's database: offsets, POSIX rules, paths, and names that only the
// underlying library knows. Reads the database when a name is first used.
// Thread safety: may be called from any thread.
absl::StatusOr<absl::TimeZone> LoadZone(std::string_view name);

}  // namespace belfry
