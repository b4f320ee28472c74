// Any text as an RFC 3339 time, and any time as text: what is read is written so that it is read
// again as the same. Input: text, zero byte, a time.

#include <string>

#include "scheduler/schedule/rfc3339.h"
#include "tests/fuzz/checks.h"
#include "tests/fuzz/fuzz_input.h"

namespace belfry {
namespace {

void CheckRoundTrip(absl::Time time) {
  const std::string text = FormatRfc3339(time);
  CHECK(text.size() >= 20 && text.size() <= 30) << text;
  const auto again = ParseRfc3339(text);
  CHECK(again == time) << text;
  CHECK(FormatRfc3339(*again) == text) << text;
}

void Run(FuzzInput input) {
  const std::string text(input.TakeText());
  if (const auto time = ParseRfc3339(text)) {
    // Every form that we take is one that the library's own parser takes.
    absl::Time other;
    CHECK(absl::ParseTime(absl::RFC3339_full, text, &other, nullptr)) << text;
    CHECK(absl::AbsDuration(other - *time) < absl::Nanoseconds(1)) << text;
    // An offset can carry a time out of the years 1 to 9999, but not far.
    CHECK(InTimeRange(*time + absl::Hours(24 * 368)) || InTimeRange(*time - absl::Hours(24)));
    if (InTimeRange(*time)) CheckRoundTrip(*time);
  }
  CheckRoundTrip(TimeFrom(input.TakeNumber()));
}

}  // namespace
}  // namespace belfry

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  belfry::Run(belfry::FuzzInput(data, size));
  return 0;
}
