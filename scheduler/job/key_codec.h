#pragma once

// Order-preserving bytes for keys. A text part is escaped (0x00 becomes 0x00 0xff) and closed by
// 0x00 0x01, which sorts before every continuation: no part can reach into the next, and the order
// of encoded keys is the order of their parts. Numbers are big-endian.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace belfry {

// A place in the time index: entries are ordered by time, then by job id.
struct Position {
  absl::Time time;
  uint64_t id = 0;

  friend bool operator==(const Position&, const Position&) = default;
  friend bool operator<(const Position& a, const Position& b) {
    return a.time != b.time ? a.time < b.time : a.id < b.id;
  }
  friend bool operator>=(const Position& a, const Position& b) { return !(a < b); }
};

// Before and after every entry.
inline Position FirstPosition() { return {absl::InfinitePast(), 0}; }
inline Position LastPosition() { return {absl::InfiniteFuture(), UINT64_MAX}; }

// Appends a part, escaped; AppendClosedPart closes it too.
void AppendOpenPart(std::string* key, std::string_view part);
void AppendClosedPart(std::string* key, std::string_view part);

// Takes one closed part from the front of `key`; nullopt if it is malformed.
std::optional<std::string> TakePart(std::string_view* key);

// Keys of tables `jobs` and `counters`.
std::string EncodeId(uint64_t id);
std::optional<uint64_t> DecodeId(std::string_view key);

// Keys of table `due`. Times must lie in years 1 to 9999, or be infinite, which sorts outside.
std::string EncodeDue(uint32_t group_id, Position position);
// All entries of a group from `from` on begin at this key.
std::string EncodeDuePrefix(uint32_t group_id);
// The group and the position of an entry; nullopt if the key is malformed.
std::optional<uint32_t> DecodeDueGroup(std::string_view key);
std::optional<Position> DecodeDue(std::string_view key);

}  // namespace belfry
