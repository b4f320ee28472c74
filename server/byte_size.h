#pragma once

// Sizes in flags: a number of bytes, or one with a unit: KiB, MiB, GiB, or as Kubernetes writes
// them, Ki, Mi, Gi, k, M, G, which is how the sidecar's flags of the reference are written.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace belfry::server {

// What the text says, in bytes; nullopt if it is no size, or larger than 64 bits hold.
std::optional<uint64_t> ParseByteSize(std::string_view text);

// The shortest text that ParseByteSize reads as `bytes`.
std::string ByteSizeText(uint64_t bytes);

// For messages: what a size looks like.
inline constexpr char kByteSizeExamples[] = "a number of bytes such as 65536 or 64MiB";

}  // namespace belfry::server
