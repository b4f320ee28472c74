#pragma once

// What can be told beforehand about how long a data directory will live.

#include <optional>
#include <string>

namespace belfry::server {

// The directory as an absolute path; it need not exist.
std::string AbsolutePath(const std::string& directory);

// One sentence that warns of a directory that does not outlive the machine or the container: it
// lies in memory, or in a container's own layer. nullopt if it seems to. Looks at the nearest
// existing parent if the directory does not exist yet.
std::optional<std::string> DurabilityWarning(const std::string& directory);

}  // namespace belfry::server
