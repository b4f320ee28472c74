#include "scheduler/schedule/iso8601_duration.h"

#include <charconv>
#include <limits>

#include "absl/time/civil_time.h"
#include "scheduler/schedule/text.h"
#include "scheduler/schedule/time_range.h"

namespace belfry {
namespace {

constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();
constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

// More than any span between two times in range; guards the calendar arithmetic below.
constexpr int64_t kMaxYears = 9'999;
constexpr int64_t kMaxMonths = kMaxYears * 12;
constexpr int64_t kMaxDays = kMaxYears * 366;

// Adds `count * factor` to `total`; false on overflow. All are >= 0.
bool Accumulate(int64_t count, int64_t factor, int64_t* total) {
  if (count > (kMaxInt64 - *total) / factor) return false;
  *total += count * factor;
  return true;
}

// Takes an unsigned decimal number from the front of `text`.
std::optional<int64_t> TakeNumber(std::string_view* text) {
  if (text->empty() || !IsDigit(text->front())) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc()) return std::nullopt;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return value;
}

// The parts of a duration while they are collected.
struct Components {
  Iso8601Duration duration;
  int64_t nanoseconds = 0;

  bool AddDate(int64_t count, char designator) {
    switch (designator) {
      case 'Y':
        duration.years = count;
        return true;
      case 'M':
        duration.months = count;
        return true;
      case 'W':
        return Accumulate(count, 7, &duration.days);
      case 'D':
        return Accumulate(count, 1, &duration.days);
      default:
        return false;
    }
  }

  bool AddTime(int64_t count, char designator) {
    switch (designator) {
      case 'H':
        return Accumulate(count, 3'600 * kNanosecondsPerSecond, &nanoseconds);
      case 'M':
        return Accumulate(count, 60 * kNanosecondsPerSecond, &nanoseconds);
      case 'S':
        return Accumulate(count, kNanosecondsPerSecond, &nanoseconds);
      default:
        return false;
    }
  }
};

// Takes "R<n>" and the slash behind it, if there is one; n may have a sign.
bool TakeRepetition(std::string_view* text) {
  const size_t slash = text->find('/');
  std::string_view number = text->substr(1, slash == std::string_view::npos ? slash : slash - 1);
  if (number.starts_with('+') || number.starts_with('-')) number.remove_prefix(1);
  if (!TakeNumber(&number) || !number.empty()) return false;
  text->remove_prefix(slash == std::string_view::npos ? text->size() : slash + 1);
  return true;
}

}  // namespace

std::optional<Iso8601Duration> ParseIso8601Duration(std::string_view text) {
  Components components;
  if (text.starts_with('R')) {
    if (!TakeRepetition(&text)) return std::nullopt;
    components.duration.has_repetition = true;
    if (text.empty()) return components.duration;
  }
  if (!text.starts_with('P')) return std::nullopt;
  text.remove_prefix(1);
  if (text.empty()) return std::nullopt;

  bool in_time = false;
  while (!text.empty()) {
    if (!in_time && text.front() == 'T') {
      in_time = true;
      text.remove_prefix(1);
    }
    // A "T" with nothing behind it fails here, as does any character that is left over.
    const std::optional<int64_t> count = TakeNumber(&text);
    if (!count || text.empty()) return std::nullopt;
    const char designator = text.front();
    text.remove_prefix(1);
    const bool added =
        in_time ? components.AddTime(*count, designator) : components.AddDate(*count, designator);
    if (!added) return std::nullopt;
  }
  components.duration.time = absl::Nanoseconds(components.nanoseconds);
  return components.duration;
}

std::optional<absl::Time> AddDuration(absl::Time start, const Iso8601Duration& duration) {
  if (duration.years > kMaxYears || duration.months > kMaxMonths || duration.days > kMaxDays) {
    return std::nullopt;
  }
  const absl::TimeZone utc = absl::UTCTimeZone();
  const auto info = utc.At(start);
  const absl::CivilSecond& cs = info.cs;
  const absl::CivilSecond end(cs.year() + duration.years, cs.month() + duration.months,
                              cs.day() + duration.days, cs.hour(), cs.minute(), cs.second());
  const absl::Time result = absl::FromCivil(end, utc) + info.subsecond + duration.time;
  if (!InTimeRange(result)) return std::nullopt;
  return result;
}

}  // namespace belfry
