// Keys from any bytes: what is encoded is decoded again, in the same order, and what is decoded was
// the only encoding of it. Input: four parts with their lengths, numbers, then a key.

#include <optional>
#include <string>
#include <utility>

#include "scheduler/job/key_codec.h"
#include "tests/fuzz/checks.h"
#include "tests/fuzz/fuzz_input.h"

namespace belfry {
namespace {

using Parts = std::pair<std::string, std::string>;

std::string Encode(const Parts& parts) {
  std::string key;
  AppendClosedPart(&key, parts.first);
  AppendClosedPart(&key, parts.second);
  return key;
}

void CheckParts(const Parts& a, const Parts& b) {
  const std::string key_a = Encode(a);
  const std::string key_b = Encode(b);
  CHECK((a < b) == (key_a < key_b));
  CHECK((a == b) == (key_a == key_b));

  std::string_view rest = key_a;
  CHECK(TakePart(&rest) == a.first);
  CHECK(TakePart(&rest) == a.second);
  CHECK(rest.empty());

  // An open part is a prefix of exactly the keys whose part begins with it; a closed one, of those
  // whose part it is.
  std::string open;
  AppendOpenPart(&open, b.first);
  CHECK(key_a.starts_with(open) == a.first.starts_with(b.first));
  std::string closed;
  AppendClosedPart(&closed, b.first);
  CHECK(key_a.starts_with(closed) == (a.first == b.first));
}

void CheckDue(uint32_t group, Position a, Position b) {
  const std::string key_a = EncodeDue(group, a);
  const std::string key_b = EncodeDue(group, b);
  CHECK(DecodeDue(key_a) == a);
  CHECK((a < b) == (key_a < key_b));
  CHECK(key_a.starts_with(EncodeDuePrefix(group)));
  CHECK(EncodeDue(group, FirstPosition()) < key_a);
  CHECK(EncodeDue(group, LastPosition()) > key_a);
  if (group < UINT32_MAX) {
    CHECK(EncodeDue(group, LastPosition()) < EncodeDue(group + 1, FirstPosition()));
  }
}

void CheckIds(uint64_t a, uint64_t b) {
  CHECK(DecodeId(EncodeId(a)) == a);
  CHECK((a < b) == (EncodeId(a) < EncodeId(b)));
}

// Bytes that were not written by us.
void CheckForeign(std::string_view key) {
  std::string_view rest = key;
  std::string again;
  while (const auto part = TakePart(&rest)) AppendClosedPart(&again, *part);
  CHECK(again + std::string(rest) == key);

  if (const auto id = DecodeId(key)) CHECK(EncodeId(*id) == key);
  const std::optional<Position> position = DecodeDue(key);
  if (position && InTimeRange(position->time)) {
    const std::string prefix(key.substr(0, sizeof(uint32_t)));
    CHECK(prefix + EncodeDue(0, *position).substr(sizeof(uint32_t)) == key);
  }
}

void Run(FuzzInput input) {
  // In this order, as that of evaluation of function arguments is open.
  std::string parts[4];
  for (std::string& part : parts) part = input.TakePart();
  CheckParts({parts[0], parts[1]}, {parts[2], parts[3]});
  const uint64_t id_a = input.TakeNumber();
  const uint64_t id_b = input.TakeNumber();
  const absl::Time time_a = TimeFrom(input.TakeNumber());
  const absl::Time time_b = TimeFrom(input.TakeNumber());
  CheckIds(id_a, id_b);
  CheckDue(static_cast<uint32_t>(id_a), {time_a, id_a}, {time_b, id_b});
  CheckDue(static_cast<uint32_t>(id_b), {time_a, id_a}, {time_a, id_b});
  CheckForeign(input.rest());
}

}  // namespace
}  // namespace belfry

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  belfry::CheckForeign({reinterpret_cast<const char*>(data), size});
  belfry::Run(belfry::FuzzInput(data, size));
  return 0;
}
