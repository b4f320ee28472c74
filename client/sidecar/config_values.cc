#include "client/sidecar/config_values.h"

#include <array>
#include <charconv>
#include <cmath>

#include "client/sidecar/white_space.h"

namespace belfry::sidecar {
namespace {

struct Suffix {
  std::string_view text;
  double factor;
};

constexpr double kKibi = 1024;
constexpr double kKilo = 1000;
constexpr double kMaxBytes = kKibi * kKibi * kKibi;

constexpr std::array<Suffix, 10> kSuffixes = {{
    {"", 1},
    {"Ki", kKibi},
    {"Mi", kKibi* kKibi},
    {"Gi", kKibi* kKibi* kKibi},
    {"KiB", kKibi},
    {"MiB", kKibi* kKibi},
    {"GiB", kKibi* kKibi* kKibi},
    {"k", kKilo},
    {"M", kKilo* kKilo},
    {"G", kKilo* kKilo* kKilo},
}};

}  // namespace

std::optional<std::size_t> ParseByteQuantity(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (result.ec != std::errc()) return std::nullopt;
  const std::string_view rest(result.ptr, static_cast<std::size_t>(end - result.ptr));
  for (const Suffix& suffix : kSuffixes) {
    if (rest != suffix.text) continue;
    const double bytes = std::ceil(number * suffix.factor);
    if (!(bytes >= 1 && bytes <= kMaxBytes)) return std::nullopt;
    return static_cast<std::size_t>(bytes);
  }
  return std::nullopt;
}

std::vector<std::string> SplitLists(const std::vector<std::string>& lists) {
  std::vector<std::string> entries;
  for (std::string_view list : lists) {
    while (true) {
      const std::size_t comma = list.find(',');
      std::string_view entry = TrimWhiteSpace(list.substr(0, comma));
      for (const char quote : {'"', '\''}) {
        if (entry.size() >= 2 && entry.front() == quote && entry.back() == quote) {
          entry = TrimWhiteSpace(entry.substr(1, entry.size() - 2));
        }
      }
      if (!entry.empty()) entries.emplace_back(entry);
      if (comma == std::string_view::npos) break;
      list.remove_prefix(comma + 1);
    }
  }
  return entries;
}

std::string WithoutBrackets(std::string address) {
  if (!address.starts_with('[') || !address.ends_with(']')) return address;
  return address.substr(1, address.size() - 2);
}

std::optional<int> ParsePort(std::string_view text) {
  int port = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, port);
  if (result.ec != std::errc() || result.ptr != end || port < 0 || port > 65535) {
    return std::nullopt;
  }
  return port;
}

}  // namespace belfry::sidecar
