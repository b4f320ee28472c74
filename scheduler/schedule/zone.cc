#include "scheduler/schedule/zone.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <system_error>

#include "scheduler/base/mutex.h"
#include "scheduler/schedule/text.h"

namespace belfry {
namespace {

// Names that the library or the database directory knows beside the zones proper: the machine's own
// zone, a default for POSIX rules, and a spelling of UTC.
constexpr std::array<std::string_view, 3> kNotZones = {"localtime", "posixrules", "UTC0"};
// Folders of the database that hold variants of all zones, and the library's fixed offsets.
constexpr std::array<std::string_view, 3> kNotAreas = {"posix", "right", "Fixed"};

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool IsZoneNamePart(std::string_view part) {
  if (part.empty() || !IsLetter(part.front())) return false;
  for (const char c : part) {
    if (!IsLetter(c) && !IsDigit(c) && c != '_' && c != '-' && c != '+') return false;
  }
  return true;
}

// Whether `name` has the form of an IANA name. No such name has a dot, a colon, a leading slash or
// a leading sign, so nothing that passes can leave the database's directory.
bool IsZoneName(std::string_view name) {
  if (name.size() > kMaxZoneNameBytes) return false;
  for (const std::string_view other : kNotZones) {
    if (name == other) return false;
  }
  const auto parts = SplitAt(name, '/');
  for (const std::string_view area : kNotAreas) {
    if (parts.front() == area) return false;
  }
  for (const std::string_view part : parts) {
    if (!IsZoneNamePart(part)) return false;
  }
  return true;
}

// The library remembers every name that it was ever asked for, so unknown ones must not reach it.
bool HasZoneFile(const std::string& name) {
  const char* directory = std::getenv("TZDIR");
  const std::filesystem::path path(directory != nullptr ? directory : "/usr/share/zoneinfo");
  std::error_code error;
  return std::filesystem::is_regular_file(path / name, error);
}

// The zones found so far: at most as many as the database has.
struct ZoneCache {
  Mutex mutex;
  std::map<std::string, absl::TimeZone, std::less<>> zones ABSL_GUARDED_BY(mutex);
};

ZoneCache& Cache() {
  static auto& cache = *new ZoneCache;  // never destroyed: threads may outlive static objects
  return cache;
}

}  // namespace

absl::StatusOr<absl::TimeZone> LoadZone(std::string_view name) {
  if (name.empty() || name == "UTC" || name == "Local") return absl::UTCTimeZone();
  ZoneCache& cache = Cache();
  MutexLock lock(&cache.mutex);
  if (const auto it = cache.zones.find(name); it != cache.zones.end()) return it->second;

  const std::string owned(name);
  absl::TimeZone zone;
  if (!IsZoneName(name) || !HasZoneFile(owned) || !absl::LoadTimeZone(owned, &zone)) {
    return absl::InvalidArgumentError(fmt::format("unknown time zone {}", Quote(name)));
  }
  cache.zones.emplace(owned, zone);
  return zone;
}

}  // namespace belfry
