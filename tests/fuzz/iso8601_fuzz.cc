// Any text as an ISO 8601 duration, and as a due time or ttl: what is read can be written and read
// back, and never leads backwards or out of range. Input: text, zero byte, a time.

#include <spdlog/fmt/fmt.h>

#include <optional>

#include "scheduler/schedule/iso8601_duration.h"
#include "scheduler/schedule/point_in_time.h"
#include "tests/fuzz/checks.h"
#include "tests/fuzz/fuzz_input.h"

namespace belfry {
namespace {

void CheckDuration(const Iso8601Duration& duration, absl::Time start) {
  CHECK(duration.years >= 0 && duration.months >= 0 && duration.days >= 0);
  CHECK(duration.time >= absl::ZeroDuration());
  const int64_t seconds = absl::ToInt64Seconds(duration.time);
  CHECK(absl::Seconds(seconds) == duration.time);

  const std::string text =
      fmt::format("{}P{}Y{}M{}W{}DT{}H{}M{}S", duration.has_repetition ? "R3/" : "", duration.years,
                  duration.months, duration.days / 7, duration.days % 7, seconds / 3'600,
                  seconds / 60 % 60, seconds % 60);
  const auto again = ParseIso8601Duration(text);
  CHECK(again.has_value()) << text;
  CHECK(again->years == duration.years && again->months == duration.months) << text;
  CHECK(again->days == duration.days && again->time == duration.time) << text;
  CHECK(again->has_repetition == duration.has_repetition) << text;

  if (const auto end = AddDuration(start, duration)) {
    CHECK(InTimeRange(*end)) << text;
    CHECK(*end >= start) << text;
    CHECK(*end - start >= duration.time) << text;
  }
}

void CheckPoint(const absl::StatusOr<absl::Time>& point) {
  if (!point.ok()) return CheckRefusal(point.status());
  CHECK(InTimeRange(*point));
}

void Run(FuzzInput input) {
  const std::string_view text = input.TakeText();
  const absl::Time start = TimeFrom(input.TakeNumber());
  const auto duration = ParseIso8601Duration(text);
  if (duration) CheckDuration(*duration, start);

  const auto due = ParseDueTime(text, start);
  const auto ttl = ParseTtl(text, start);
  CheckPoint(due);
  CheckPoint(ttl);
  CHECK(due.ok() == ttl.ok());
  if (due.ok()) CHECK(*due == *ttl);
  if (duration && text.size() <= kMaxPointInTimeBytes) {
    const auto end = duration->has_repetition ? std::nullopt : AddDuration(start, *duration);
    CHECK(due.ok() == end.has_value());
    if (end) CHECK(*due == *end);
  }
}

}  // namespace
}  // namespace belfry

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  belfry::Run(belfry::FuzzInput(data, size));
  return 0;
}
