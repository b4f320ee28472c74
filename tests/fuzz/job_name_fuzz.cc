// Any bytes as a name: accepted exactly when they follow the rules, which are spelled out here once
// more, and quoted safely. Input: the name.

#include <string>

#include "scheduler/base/limits.h"
#include "scheduler/job/job_name.h"
#include "tests/fuzz/checks.h"
#include "tests/fuzz/fuzz_input.h"

namespace belfry {
namespace {

// Whether these are the bytes of Unicode characters: decodes each and encodes it again.
bool IsUnicode(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const auto first = static_cast<unsigned char>(text[i]);
    const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if ((first >= 0x80 && first < 0xc0) || first >= 0xf8 || length > text.size() - i) return false;
    uint32_t code = length == 1 ? first : first & (0x7fU >> length);
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if (next < 0x80 || next > 0xbf) return false;
      code = code * 64 + (next - 0x80U);
    }
    const size_t shortest = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (shortest != length || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return false;
    i += length;
  }
  return true;
}

bool IsAllowed(std::string_view name, size_t min_length, size_t max_length) {
  if (name.size() < min_length || name.size() > max_length) return false;
  if (name == "." || name == ".." || !IsUnicode(name)) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return false;
    if (c == '/' || c == '\\' || c == '#' || c == '?') return false;
  }
  return true;
}

void CheckName(std::string_view name, size_t min_length, size_t max_length) {
  const absl::Status status = CheckNamePart("job name", name, min_length, max_length);
  CHECK(status.ok() == IsAllowed(name, min_length, max_length)) << Quote(name);
  if (status.ok()) return;
  CheckRefusal(status);
  CHECK(std::string(status.message()).starts_with("job name \""));
}

void Run(std::string_view name) {
  CheckName(name, 1, kMaxJobNameBytes);
  CheckName(name, 0, kMaxActorIdBytes);
  CheckName(name, 2, 5);
  CHECK(IsValidUtf8(name) == IsUnicode(name));
  CHECK(IsUnicode(Printable(name)));

  // White space comes off at the ends and nowhere else.
  const std::string_view trimmed = TrimSpace(name);
  CHECK(name.find(trimmed) != std::string_view::npos);
  CHECK(TrimSpace(trimmed) == trimmed);
  for (const std::string_view part : SplitAtSpace(name)) {
    CHECK(!part.empty());
    CHECK(FindSpace(part) == std::string_view::npos);
  }
}

}  // namespace
}  // namespace belfry

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (data != nullptr) belfry::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
