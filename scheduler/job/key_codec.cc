#include "scheduler/job/key_codec.h"

namespace belfry {
namespace {

constexpr size_t kDueKeyBytes = 4 + 8 + 4 + 8;
// Makes signed seconds sort as unsigned bytes.
constexpr uint64_t kSecondsBias = uint64_t{1} << 63;

template <typename T>
void AppendBigEndian(std::string* key, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    key->push_back(static_cast<char>((value >> shift) & 0xff));
  }
}

template <typename T>
T ReadBigEndian(std::string_view bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>((value << 8) | static_cast<unsigned char>(bytes[i]));
  }
  return value;
}

}  // namespace

void AppendOpenPart(std::string* key, std::string_view part) {
  for (char c : part) {
    key->push_back(c);
    if (c == '\0') key->push_back('\xff');
  }
}

void AppendClosedPart(std::string* key, std::string_view part) {
  AppendOpenPart(key, part);
  key->push_back('\0');
  key->push_back('\x01');
}

std::optional<std::string> TakePart(std::string_view* key) {
  std::string part;
  for (size_t i = 0; i < key->size(); ++i) {
    const char c = (*key)[i];
    if (c != '\0') {
      part.push_back(c);
      continue;
    }
    if (i + 1 == key->size()) return std::nullopt;
    const char next = (*key)[++i];
    if (next == '\x01') {
      key->remove_prefix(i + 1);
      return part;
    }
    if (next != '\xff') return std::nullopt;
    part.push_back('\0');
  }
  return std::nullopt;
}

std::string EncodeId(uint64_t id) {
  std::string key;
  AppendBigEndian(&key, id);
  return key;
}

std::optional<uint64_t> DecodeId(std::string_view key) {
  if (key.size() != sizeof(uint64_t)) return std::nullopt;
  return ReadBigEndian<uint64_t>(key);
}

std::string EncodeDuePrefix(uint32_t group_id) {
  std::string key;
  AppendBigEndian(&key, group_id);
  return key;
}

std::string EncodeDue(uint32_t group_id, Position position) {
  std::string key;
  key.reserve(kDueKeyBytes);
  AppendBigEndian(&key, group_id);
  const int64_t seconds = absl::ToUnixSeconds(position.time);  // floor; saturates when infinite
  const absl::Duration rest = position.time - absl::FromUnixSeconds(seconds);
  const bool finite = rest >= absl::ZeroDuration() && rest < absl::Seconds(1);
  const uint32_t nanos = finite ? static_cast<uint32_t>(absl::ToInt64Nanoseconds(rest))
                                : (seconds > 0 ? UINT32_MAX : 0);
  AppendBigEndian(&key, static_cast<uint64_t>(seconds) + kSecondsBias);
  AppendBigEndian(&key, nanos);
  AppendBigEndian(&key, position.id);
  return key;
}

std::optional<uint32_t> DecodeDueGroup(std::string_view key) {
  if (key.size() != kDueKeyBytes) return std::nullopt;
  return ReadBigEndian<uint32_t>(key);
}

std::optional<Position> DecodeDue(std::string_view key) {
  if (key.size() != kDueKeyBytes) return std::nullopt;
  const auto seconds = static_cast<int64_t>(ReadBigEndian<uint64_t>(key.substr(4)) - kSecondsBias);
  const auto nanos = ReadBigEndian<uint32_t>(key.substr(12));
  if (nanos >= 1000000000) return std::nullopt;
  return Position{absl::FromUnixSeconds(seconds) + absl::Nanoseconds(nanos),
                  ReadBigEndian<uint64_t>(key.substr(16))};
}

}  // namespace belfry
