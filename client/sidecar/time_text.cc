#include "client/sidecar/time_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace belfry::sidecar {
namespace {

constexpr std::int64_t kMaxDurationSeconds = 315'576'000'000;
constexpr std::int64_t kMinTimestampSeconds = -62'135'596'800;  // year 1
constexpr std::int64_t kMaxTimestampSeconds = 253'402'300'799;  // end of year 9999
constexpr std::size_t kMaxFractionDigits = 9;
constexpr std::int32_t kNanosPerSecond = 1'000'000'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes the digits at the start of `text` off it.
std::string_view TakeDigits(std::string_view* text) {
  std::size_t n = 0;
  while (n < text->size() && IsDigit((*text)[n])) ++n;
  const std::string_view digits = text->substr(0, n);
  text->remove_prefix(n);
  return digits;
}

// Takes a point and 1 to 9 digits off `text` and returns them as nanoseconds; 0 if there is no
// point, nothing if what follows it is wrong.
std::optional<std::int32_t> TakeFraction(std::string_view* text) {
  if (text->empty() || (*text)[0] != '.') return 0;
  text->remove_prefix(1);
  const std::string_view digits = TakeDigits(text);
  if (digits.empty() || digits.size() > kMaxFractionDigits) return std::nullopt;
  std::int32_t nanos = 0;
  for (std::size_t i = 0; i < kMaxFractionDigits; ++i) {
    nanos = nanos * 10 + (i < digits.size() ? digits[i] - '0' : 0);
  }
  return nanos;
}

// Takes exactly `count` digits off `text`.
std::optional<int> TakeNumber(std::string_view* text, std::size_t count) {
  if (text->size() < count) return std::nullopt;
  int number = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!IsDigit((*text)[i])) return std::nullopt;
    number = number * 10 + ((*text)[i] - '0');
  }
  text->remove_prefix(count);
  return number;
}

bool TakeChar(std::string_view* text, char c) {
  if (text->empty() || (*text)[0] != c) return false;
  text->remove_prefix(1);
  return true;
}

std::string Fraction(std::int32_t nanos) {
  if (nanos == 0) return "";
  if (nanos % 1'000'000 == 0) return fmt::format(".{:03}", nanos / 1'000'000);
  if (nanos % 1'000 == 0) return fmt::format(".{:06}", nanos / 1'000);
  return fmt::format(".{:09}", nanos);
}

// Takes `Z` or `+hh:mm` off `text` and returns seconds east of UTC.
std::optional<std::int64_t> TakeZone(std::string_view* text) {
  if (TakeChar(text, 'Z')) return 0;
  const bool west = !text->empty() && (*text)[0] == '-';
  if (!TakeChar(text, '+') && !TakeChar(text, '-')) return std::nullopt;
  const auto hours = TakeNumber(text, 2);
  if (!hours || !TakeChar(text, ':')) return std::nullopt;
  const auto minutes = TakeNumber(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::int64_t seconds = (*hours * 60 + *minutes) * 60;
  return west ? -seconds : seconds;
}

}  // namespace

std::optional<SecondsNanos> ParseDurationText(std::string_view text) {
  const bool negative = TakeChar(&text, '-');
  if (!negative) TakeChar(&text, '+');
  const std::string_view digits = TakeDigits(&text);
  if (digits.size() > 1 && digits[0] == '0') return std::nullopt;
  const bool has_point = !text.empty() && text[0] == '.';
  if (digits.empty() && !has_point) return std::nullopt;
  std::int64_t seconds = 0;
  if (!digits.empty() &&
      std::from_chars(digits.data(), digits.data() + digits.size(), seconds).ec != std::errc()) {
    return std::nullopt;
  }
  const auto nanos = TakeFraction(&text);
  if (!nanos || text != "s" || seconds > kMaxDurationSeconds) return std::nullopt;
  if (seconds == kMaxDurationSeconds && *nanos > 0) return std::nullopt;
  return negative ? SecondsNanos{-seconds, -*nanos} : SecondsNanos{seconds, *nanos};
}

std::optional<std::string> DurationText(SecondsNanos duration) {
  const auto [seconds, nanos] = duration;
  if (seconds > kMaxDurationSeconds || seconds < -kMaxDurationSeconds) return std::nullopt;
  if (nanos >= kNanosPerSecond || nanos <= -kNanosPerSecond) return std::nullopt;
  if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) return std::nullopt;
  const bool negative = seconds < 0 || nanos < 0;
  return fmt::format("{}{}{}s", negative ? "-" : "", std::abs(seconds), Fraction(std::abs(nanos)));
}

std::optional<SecondsNanos> ParseTimestampText(std::string_view text) {
  const auto year = TakeNumber(&text, 4);
  if (!year || !TakeChar(&text, '-')) return std::nullopt;
  const auto month = TakeNumber(&text, 2);
  if (!month || !TakeChar(&text, '-')) return std::nullopt;
  const auto day = TakeNumber(&text, 2);
  if (!day || !TakeChar(&text, 'T')) return std::nullopt;
  const auto hour = TakeNumber(&text, 2);
  if (!hour || !TakeChar(&text, ':')) return std::nullopt;
  const auto minute = TakeNumber(&text, 2);
  if (!minute || !TakeChar(&text, ':')) return std::nullopt;
  const auto second = TakeNumber(&text, 2);
  if (!second) return std::nullopt;
  const auto nanos = TakeFraction(&text);
  if (!nanos) return std::nullopt;
  const auto offset = TakeZone(&text);
  if (!offset || !text.empty()) return std::nullopt;

  if (*hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const absl::CivilSecond civil(*year, *month, *day, *hour, *minute, *second);
  // A civil time normalises what does not exist, such as 31 February.
  if (civil.month() != *month || civil.day() != *day) return std::nullopt;
  const std::int64_t seconds =
      absl::ToUnixSeconds(absl::FromCivil(civil, absl::UTCTimeZone())) - *offset;
  if (seconds < kMinTimestampSeconds || seconds > kMaxTimestampSeconds) return std::nullopt;
  return SecondsNanos{seconds, *nanos};
}

std::optional<std::string> TimestampText(SecondsNanos timestamp) {
  const auto [seconds, nanos] = timestamp;
  if (seconds < kMinTimestampSeconds || seconds > kMaxTimestampSeconds) return std::nullopt;
  if (nanos < 0 || nanos >= kNanosPerSecond) return std::nullopt;
  const absl::CivilSecond civil =
      absl::ToCivilSecond(absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}Z", civil.year(), civil.month(),
                     civil.day(), civil.hour(), civil.minute(), civil.second(), Fraction(nanos));
}

}  // namespace belfry::sidecar
