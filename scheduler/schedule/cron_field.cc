#include "scheduler/schedule/cron_field.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <charconv>
#include <optional>
#include <string>

#include "scheduler/base/status_macros.h"
#include "scheduler/schedule/text.h"

namespace belfry {
namespace {

constexpr std::array<std::string_view, 12> kMonthNames = {"jan", "feb", "mar", "apr", "may", "jun",
                                                          "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdayNames = {"sun", "mon", "tue", "wed",
                                                           "thu", "fri", "sat"};

// What one element says, before the range is turned into values.
struct Element {
  int64_t low = 0;
  int64_t high = 0;
  int64_t step = 1;
  bool any = false;  // the base is "*" or "?"
};

absl::Status Invalid(const CronFieldKind& kind, std::string_view value, std::string_view problem) {
  return absl::InvalidArgumentError(fmt::format("{} {} {}", kind.name, value, problem));
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// An optional sign and decimal digits. Numbers beyond 64 bits are no numbers.
std::optional<int64_t> ParseNumber(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

absl::StatusOr<int64_t> ParseValue(const CronFieldKind& kind, std::string_view text) {
  if (const auto number = ParseNumber(text)) return *number;
  const std::string lower = Lower(text);
  for (size_t i = 0; i < kind.value_names.size(); ++i) {
    if (kind.value_names[i] == lower) return kind.min + static_cast<int64_t>(i);
  }
  return Invalid(kind, Quote(text),
                 kind.value_names.empty() ? "is not a number" : "is neither a number nor a name");
}

int MaxOf(const CronFieldKind& kind) { return kind.wraps_once ? kind.max + 1 : kind.max; }

absl::Status OutOfRange(const CronFieldKind& kind, std::string_view value) {
  return Invalid(kind, value, fmt::format("is out of range {}-{}", kind.min, MaxOf(kind)));
}

absl::Status CheckRange(const CronFieldKind& kind, int64_t value) {
  if (value >= kind.min && value <= MaxOf(kind)) return absl::OkStatus();
  return OutOfRange(kind, std::to_string(value));
}

// Reads the part before the slash.
absl::StatusOr<Element> ParseBase(const CronFieldKind& kind, std::string_view base, bool has_step) {
  Element element{.low = kind.min, .high = kind.max};
  // No value is negative, and what follows would read a sign as a range without a beginning.
  if (base.starts_with('-')) {
    return ParseNumber(base) ? OutOfRange(kind, base)
                             : Invalid(kind, Quote(base), "is not a number");
  }

  const auto bounds = SplitAt(base, '-');
  if (bounds.size() > 2) return Invalid(kind, Quote(base), "has too many hyphens");
  if (bounds[0] == "*" || bounds[0] == "?") {
    element.any = true;
    if (bounds.size() == 1) return element;
    if (!has_step) return Invalid(kind, Quote(base), "is a range without a beginning");
    ASSIGN_OR_RETURN(const int64_t ignored, ParseValue(kind, bounds[1]));
    RETURN_IF_ERROR(CheckRange(kind, ignored));
    return element;
  }

  ASSIGN_OR_RETURN(element.low, ParseValue(kind, bounds[0]));
  RETURN_IF_ERROR(CheckRange(kind, element.low));
  if (bounds.size() == 2) {
    ASSIGN_OR_RETURN(element.high, ParseValue(kind, bounds[1]));
    RETURN_IF_ERROR(CheckRange(kind, element.high));
    if (element.low > element.high) return Invalid(kind, Quote(base), "runs backwards");
  } else if (!has_step || element.low > kind.max) {
    element.high = element.low;
  }
  return element;
}

absl::StatusOr<Element> ParseElement(const CronFieldKind& kind, std::string_view text) {
  const auto parts = SplitAt(text, '/');
  if (parts.size() > 2) return Invalid(kind, Quote(text), "has too many slashes");
  const bool has_step = parts.size() == 2;
  ASSIGN_OR_RETURN(Element element, ParseBase(kind, parts[0], has_step));
  if (!has_step) return element;

  const std::optional<int64_t> step = ParseNumber(parts[1]);
  if (!step) return Invalid(kind, fmt::format("step {}", Quote(parts[1])), "is not a number");
  if (*step < 1) return Invalid(kind, fmt::format("step {}", *step), "is not greater than 0");
  element.step = *step;
  return element;
}

uint64_t ValuesOf(const CronFieldKind& kind, const Element& element) {
  uint64_t values = 0;
  int64_t value = element.low;
  while (true) {
    values |= uint64_t{1} << (value > kind.max ? kind.min : value);
    if (element.step > element.high - value) return values;
    value += element.step;
  }
}

}  // namespace

const CronFieldKind kSecondField = {.name = "second", .min = 0, .max = 59, .value_names = {}};
const CronFieldKind kMinuteField = {.name = "minute", .min = 0, .max = 59, .value_names = {}};
const CronFieldKind kHourField = {.name = "hour", .min = 0, .max = 23, .value_names = {}};
const CronFieldKind kDayField = {.name = "day of month", .min = 1, .max = 31, .value_names = {}};
const CronFieldKind kMonthField = {
    .name = "month", .min = 1, .max = 12, .value_names = kMonthNames};
const CronFieldKind kWeekdayField = {
    .name = "day of week", .min = 0, .max = 6, .value_names = kWeekdayNames, .wraps_once = true};

absl::StatusOr<CronField> ParseCronField(const CronFieldKind& kind, std::string_view text) {
  CronField field;
  for (const std::string_view part : SplitAt(text, ',')) {
    if (part.empty()) continue;
    ASSIGN_OR_RETURN(const Element element, ParseElement(kind, part));
    field.values |= ValuesOf(kind, element);
    field.unrestricted = field.unrestricted || (element.any && element.step == 1);
  }
  return field;
}

}  // namespace belfry
