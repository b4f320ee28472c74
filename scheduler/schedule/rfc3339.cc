#include "scheduler/schedule/rfc3339.h"

#include <spdlog/fmt/fmt.h>

#include <cstdint>

#include "absl/time/civil_time.h"
#include "scheduler/schedule/text.h"

namespace belfry {
namespace {

constexpr size_t kMaxFractionDigits = 9;  // nanoseconds

// Reads a text from left to right; after the first mismatch everything fails.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  // Takes exactly `digits` decimal digits; the value must lie in low..high.
  int Number(size_t digits, int low, int high) {
    int value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (rest_.empty() || !IsDigit(rest_.front())) return Fail();
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return value < low || value > high ? Fail() : value;
  }

  void Literal(char c) {
    if (!TryLiteral(c)) Fail();
  }

  bool TryLiteral(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Takes one or more digits after a decimal point, as nanoseconds.
  int64_t Fraction() {
    int64_t nanoseconds = 0;
    size_t digits = 0;
    for (; !rest_.empty() && IsDigit(rest_.front()); ++digits) {
      if (digits < kMaxFractionDigits) nanoseconds = nanoseconds * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    if (digits == 0) return Fail();
    for (; digits < kMaxFractionDigits; ++digits) nanoseconds *= 10;
    return nanoseconds;
  }

  bool Done() const { return ok_ && rest_.empty(); }

 private:
  int Fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

absl::Duration ReadOffset(Reader* reader) {
  if (reader->TryLiteral('Z')) return absl::ZeroDuration();
  const bool west = reader->TryLiteral('-');
  if (!west) reader->Literal('+');
  const int hours = reader->Number(2, 0, 23);
  reader->Literal(':');
  const int minutes = reader->Number(2, 0, 59);
  const absl::Duration offset = absl::Hours(hours) + absl::Minutes(minutes);
  return west ? -offset : offset;
}

}  // namespace

std::optional<absl::Time> ParseRfc3339(std::string_view text) {
  Reader reader(text);
  const int year = reader.Number(4, 0, 9999);
  reader.Literal('-');
  const int month = reader.Number(2, 1, 12);
  reader.Literal('-');
  const int day = reader.Number(2, 1, 31);
  reader.Literal('T');
  const int hour = reader.Number(2, 0, 23);
  reader.Literal(':');
  const int minute = reader.Number(2, 0, 59);
  reader.Literal(':');
  const int second = reader.Number(2, 0, 59);
  const int64_t nanoseconds = reader.TryLiteral('.') ? reader.Fraction() : 0;
  const absl::Duration offset = ReadOffset(&reader);
  if (!reader.Done()) return std::nullopt;

  const absl::CivilSecond civil(year, month, day, hour, minute, second);
  if (civil.day() != day) return std::nullopt;  // normalised, so this month has no such day
  return absl::FromCivil(civil, absl::UTCTimeZone()) + absl::Nanoseconds(nanoseconds) - offset;
}

std::string FormatRfc3339(absl::Time time) {
  const auto info = absl::UTCTimeZone().At(time);
  const absl::CivilSecond& cs = info.cs;
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", cs.year(), cs.month(),
                                 cs.day(), cs.hour(), cs.minute(), cs.second());
  if (const int64_t nanoseconds = absl::ToInt64Nanoseconds(info.subsecond); nanoseconds != 0) {
    std::string fraction = fmt::format("{:09}", nanoseconds);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += '.' + fraction;
  }
  return text + 'Z';
}

}  // namespace belfry
