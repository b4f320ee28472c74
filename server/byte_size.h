#pragma once

// Sizes in flags: a number of bytes, or one of KiB, MiB or GiB.

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
