#pragma once

// One field of a cron expression: its grammar.

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"

namespace belfry {

// What a field may hold.
struct CronFieldKind {
  std::string_view name;  // for messages
  int min = 0;
  int max = 0;
  // Names of the values from `min` on, three lower-case letters each; may be empty.
  std::span<const std::string_view> value_names;
  // The field of the day of week takes `max + 1` as another way to write `min`: Sunday is 0 and 7.
  bool wraps_once = false;
};

// The fields in the order in which they are written.
extern const CronFieldKind kSecondField;
extern const CronFieldKind kMinuteField;
extern const CronFieldKind kHourField;
extern const CronFieldKind kDayField;
extern const CronFieldKind kMonthField;
extern const CronFieldKind kWeekdayField;

struct CronField {
  uint64_t values = 0;  // bit n stands for the value n
  // One of the elements is "*" or "?" (or "*/1").
  bool unrestricted = false;
};

// Parses comma separated elements `base[/step]`, where base is `*` or `?`, a value, or `low-high`.
// Empty elements are skipped, so "," is the empty set. `value/step` runs to the largest value. A
// range cannot run backwards. `*-high` is refused, but `*-high/step` counts like `*/step`, as it
// always has. InvalidArgument names the field and the value.
absl::StatusOr<CronField> ParseCronField(const CronFieldKind& kind, std::string_view text);

}  // namespace belfry
