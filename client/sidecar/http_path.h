#pragma once

// Paths and names in URLs.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace belfry::sidecar {

// The segments of an escaped path after cleaning: empty and "." segments vanish, ".." takes the
// segment before it away. Nothing else is changed.
std::vector<std::string_view> CleanSegments(std::string_view path);

// Undoes the escapes of a query: `%2F` is a slash and `+` a space. Nothing if a `%` is not followed
// by two hexadecimal digits.
std::optional<std::string> QueryUnescape(std::string_view text);

// The path under which an HTTP app receives a job: `/job/` and the name, escaped where a URL needs
// it. A slash at the start of the name is dropped.
std::string JobPath(std::string_view name);

}  // namespace belfry::sidecar
