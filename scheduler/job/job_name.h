#pragma once

// What the names of jobs and of their owners may be.

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

namespace belfry {

// Checks one part of a job's identity. It must be UTF-8 of `min_length` to `max_length` bytes (see
// limits.h) without control characters, without any of `/`, `\`, `#` and `?`, and neither "." nor
// "..": names end up in URLs and paths. InvalidArgument names `field` ("job name") and the value.
absl::Status CheckNamePart(std::string_view field, std::string_view value, size_t min_length,
                           size_t max_length);

}  // namespace belfry
