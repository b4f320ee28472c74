#include "server/spiffe_id.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace belfry::server {
namespace {

constexpr std::string_view kScheme = "spiffe://";
// Both of the standard.
constexpr size_t kMaxIdBytes = 2048;
constexpr size_t kMaxTrustDomainBytes = 255;

// Not those of <cctype>, which depend on the locale.
bool IsLowerOrSign(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}
bool IsOfSegment(char c) { return IsLowerOrSign(c) || (c >= 'A' && c <= 'Z'); }

bool IsTrustDomain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTrustDomainBytes &&
         std::all_of(text.begin(), text.end(), IsLowerOrSign);
}

bool IsSegment(std::string_view text) {
  return !text.empty() && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), IsOfSegment);
}

// The segments of the path; none if `text` is no id.
std::vector<std::string_view> PathOf(std::string_view text) {
  if (text.size() > kMaxIdBytes || !text.starts_with(kScheme)) return {};
  text.remove_prefix(kScheme.size());
  size_t slash = text.find('/');
  if (slash == std::string_view::npos || !IsTrustDomain(text.substr(0, slash))) return {};
  std::vector<std::string_view> segments;
  while (slash != std::string_view::npos) {
    text.remove_prefix(slash + 1);
    slash = text.find('/');
    segments.push_back(text.substr(0, slash));
    if (!IsSegment(segments.back())) return {};
  }
  return segments;
}

}  // namespace

bool IsSpiffeId(std::string_view text) { return !PathOf(text).empty(); }

std::optional<AppIdentity> ParseAppIdentity(std::string_view text) {
  const std::vector<std::string_view> path = PathOf(text);
  if (path.size() < 3 || path[0] != "ns") return std::nullopt;
  return AppIdentity{std::string(path[1]), std::string(path[2])};
}

}  // namespace belfry::server
