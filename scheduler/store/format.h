#pragma once

// Versions of the format on disk; docs/storage-format.md says what each means.

#include <cstdint>

namespace belfry {

// What this program writes. Changes of keys or records raise it.
inline constexpr uint32_t kFormatVersion = 2;
// What version 1 holds, version 2 reads as it is: its jobs have no concurrency keys.
inline constexpr uint32_t kOldestFormatVersion = 1;

}  // namespace belfry
