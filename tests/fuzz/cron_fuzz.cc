// Any text as a schedule: it is refused properly, or its ticks are in order and the same from
// wherever the search for them begins. Input: text, zero byte, a time.

#include <optional>

#include "scheduler/schedule/rfc3339.h"
#include "scheduler/schedule/schedule.h"
#include "tests/fuzz/checks.h"
#include "tests/fuzz/fuzz_input.h"

namespace belfry {
namespace {

constexpr int kTicks = 5;

// The next tick after any time between two ticks is the later one.
void CheckBetween(const Schedule& schedule, absl::Time after, absl::Time tick) {
  CHECK(absl::FromUnixSeconds(absl::ToUnixSeconds(tick)) == tick) << FormatRfc3339(tick);
  for (const absl::Time time :
       {after + (tick - after) / 2, tick - absl::Seconds(1), tick - absl::Nanoseconds(1)}) {
    if (time >= after) CHECK(schedule.Next(time) == tick) << FormatRfc3339(time);
  }
}

void Run(FuzzInput input) {
  const std::string_view text = input.TakeText();
  const auto schedule = Schedule::Parse(text);
  if (!schedule.ok()) return CheckRefusal(schedule.status());

  const bool is_interval = text.starts_with("@every");
  absl::Time after = TimeFrom(input.TakeNumber());
  for (int i = 0; i < kTicks; ++i) {
    const std::optional<absl::Time> tick = schedule->Next(after);
    if (!tick) return;
    CHECK(InTimeRange(*tick));
    CHECK(*tick > after || (is_interval && *tick == after)) << FormatRfc3339(after);
    if (!is_interval) CheckBetween(*schedule, after, *tick);
    after = *tick;
  }
}

}  // namespace
}  // namespace belfry

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  belfry::Run(belfry::FuzzInput(data, size));
  return 0;
}
