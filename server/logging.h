#pragma once

// How belfry-scheduler writes its logs: to standard output, one line per event, times in UTC,
// either as text or as one JSON object per line.

#include <string>
#include <string_view>

namespace belfry::server {

// Replaces the process's default logger. `level` is one of debug, info, warn, error, fatal.
// Call once, before other threads log.
void SetUpLogging(std::string_view level, bool as_json);

// `text` as the inside of a JSON string: quotes, backslashes and control characters are escaped,
// bytes that are not UTF-8 become U+FFFD.
std::string JsonEscape(std::string_view text);

}  // namespace belfry::server
