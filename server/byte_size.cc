#include "server/byte_size.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <utility>

#include "fmt/format.h"

namespace belfry::server {
namespace {

// Those that sizes are written with come first, largest first.
constexpr size_t kWrittenUnits = 3;
constexpr std::array<std::pair<std::string_view, uint64_t>, 9> kUnits = {
    {{"GiB", uint64_t{1} << 30},
     {"MiB", uint64_t{1} << 20},
     {"KiB", uint64_t{1} << 10},
     {"Gi", uint64_t{1} << 30},
     {"Mi", uint64_t{1} << 20},
     {"Ki", uint64_t{1} << 10},
     {"G", 1'000'000'000},
     {"M", 1'000'000},
     {"k", 1'000}}};

}  // namespace

std::optional<uint64_t> ParseByteSize(std::string_view text) {
  uint64_t factor = 1;
  for (const auto& [suffix, size] : kUnits) {
    if (!text.ends_with(suffix)) continue;
    text.remove_suffix(suffix.size());
    factor = size;
    break;
  }
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || value > UINT64_MAX / factor) return std::nullopt;
  return value * factor;
}

std::string ByteSizeText(uint64_t bytes) {
  for (size_t i = 0; i < kWrittenUnits; ++i) {
    const auto& [suffix, size] = kUnits[i];
    if (bytes > 0 && bytes % size == 0) return fmt::format("{}{}", bytes / size, suffix);
  }
  return fmt::format("{}", bytes);
}

}  // namespace belfry::server
