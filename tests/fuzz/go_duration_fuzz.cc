// Any text as a Go duration: it is refused properly, or agrees with exact arithmetic and can be
// written and read back. Input: text.

#include <array>
#include <optional>
#include <string>

#include "scheduler/schedule/go_duration.h"
#include "tests/fuzz/checks.h"
#include "tests/fuzz/fuzz_input.h"

namespace belfry {
namespace {

// Room for sums that do not fit a duration.
__extension__ typedef __int128 Wide;

// More than any duration; stops the sum before it overflows.
constexpr Wide kTooMuch = Wide{1} << 100;

struct Unit {
  std::string_view name;
  int64_t nanoseconds;
};
constexpr std::array<Unit, 8> kUnits = {{
    {"ns", 1},
    {"us", 1'000},
    {"\xc2\xb5s", 1'000},
    {"\xce\xbcs", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
}};

// Nanoseconds of a text of digits and units only, exactly; nullopt for any other text.
std::optional<Wide> ExactNanoseconds(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  Wide total = 0;
  while (!text.empty()) {
    Wide number = 0;
    size_t digits = 0;
    for (; digits < text.size() && IsDigit(text[digits]); ++digits) {
      number = number * 10 + (text[digits] - '0');
      if (number > kTooMuch) number = kTooMuch;
    }
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);
    // What follows a unit is a digit or the end; longer names of units come first by that.
    const std::string_view name = text.substr(0, text.find_first_of("0123456789"));
    const Unit* found = nullptr;
    for (const Unit& unit : kUnits) {
      if (unit.name == name) found = &unit;
    }
    if (found == nullptr) return std::nullopt;
    text.remove_prefix(name.size());
    total += number > kTooMuch / found->nanoseconds ? kTooMuch : number * found->nanoseconds;
    if (total > kTooMuch) total = kTooMuch;
  }
  return negative ? -total : total;
}

void Run(FuzzInput input) {
  const std::string text(input.rest());
  const auto duration = ParseGoDuration(text);
  if (text.find('.') == std::string::npos) {
    const auto exact = ExactNanoseconds(text);
    const bool fits = exact && *exact >= INT64_MIN && *exact <= INT64_MAX;
    CHECK(duration.ok() == fits) << text;
    if (fits) CHECK(*duration == absl::Nanoseconds(static_cast<int64_t>(*exact))) << text;
  }
  if (!duration.ok()) return CheckRefusal(duration.status());

  const int64_t nanoseconds = absl::ToInt64Nanoseconds(*duration);
  CHECK(absl::Nanoseconds(nanoseconds) == *duration) << text;
  const auto again = ParseGoDuration(std::to_string(nanoseconds) + "ns");
  CHECK(again.ok() && *again == *duration) << text;
  if (!text.starts_with('-') && !text.starts_with('+')) {
    CHECK(*duration >= absl::ZeroDuration()) << text;
    const auto negative = ParseGoDuration("-" + text);
    CHECK(negative.ok() && *negative == -*duration) << text;
  }
}

}  // namespace
}  // namespace belfry

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  belfry::Run(belfry::FuzzInput(data, size));
  return 0;
}
