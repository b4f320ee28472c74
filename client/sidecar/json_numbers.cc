#include "client/sidecar/json_numbers.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

namespace belfry::sidecar {
namespace {

// More digits than a 64-bit number has; a larger exponent is out of range unless the number is 0.
constexpr int kMaxExponent = 400;

// Whether `text` is a JSON number (the reader has checked numbers, but not strings).
bool IsNumberText(std::string_view text) {
  const auto parsed = ParseJson(text);
  // The reader skips white space around a value; a number in a string may have none.
  return parsed.ok() && parsed->is_number() && parsed->text.size() == text.size();
}

// The text of a number or of a string that holds one.
std::optional<std::string_view> NumberText(const JsonValue& value) {
  if (value.is_number()) return value.text;
  if (value.is_string() && IsNumberText(value.text)) return value.text;
  return std::nullopt;
}

// "-12.50e1" -> "-125". Nothing if the number is not whole.
std::optional<std::string> WholeText(std::string_view number) {
  std::string out;
  if (number[0] == '-') {
    out = "-";
    number.remove_prefix(1);
  }
  int exponent = 0;
  if (const std::size_t e = number.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view digits = number.substr(e + 1);
    if (digits[0] == '+') digits.remove_prefix(1);
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (result.ec != std::errc() || std::abs(exponent) > kMaxExponent) return std::nullopt;
    number = number.substr(0, e);
  }
  const std::size_t point = number.find('.');
  std::string digits(number.substr(0, point));
  if (point != std::string_view::npos) {
    digits.append(number.substr(point + 1));
    exponent -= static_cast<int>(number.size() - point - 1);
  }
  for (; exponent > 0; --exponent) digits.push_back('0');
  for (; exponent < 0 && !digits.empty(); ++exponent) {
    if (digits.back() != '0') return std::nullopt;
    digits.pop_back();
  }
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return "0";
  return out + digits.substr(first);
}

template <typename Int>
std::optional<Int> ToInteger(const JsonValue& value) {
  const auto text = NumberText(value);
  if (!text) return std::nullopt;
  const auto whole = WholeText(*text);
  if (!whole) return std::nullopt;
  Int number = 0;
  const char* end = whole->data() + whole->size();
  const auto result = std::from_chars(whole->data(), end, number);
  if (result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return number;
}

// A number too small for the type is 0, as with Go's parser; from_chars calls it out of range.
template <typename Float>
std::optional<Float> TextToFloat(std::string_view text) {
  Float number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec == std::errc()) return number;
  const bool too_large = std::isinf(std::strtold(std::string(text).c_str(), nullptr)) ||
                         std::strtod(std::string(text).c_str(), nullptr) != 0.0;
  if (too_large) return std::nullopt;
  return Float{0};
}

template <typename Float>
std::optional<Float> ToFloating(const JsonValue& value) {
  if (value.is_string()) {
    if (value.text == "NaN") return std::numeric_limits<Float>::quiet_NaN();
    if (value.text == "Infinity") return std::numeric_limits<Float>::infinity();
    if (value.text == "-Infinity") return -std::numeric_limits<Float>::infinity();
  }
  const auto text = NumberText(value);
  if (!text) return std::nullopt;
  return TextToFloat<Float>(*text);
}

}  // namespace

std::optional<std::int32_t> ToInt32(const JsonValue& value) {
  return ToInteger<std::int32_t>(value);
}
std::optional<std::int64_t> ToInt64(const JsonValue& value) {
  return ToInteger<std::int64_t>(value);
}
std::optional<std::uint32_t> ToUint32(const JsonValue& value) {
  return ToInteger<std::uint32_t>(value);
}
std::optional<std::uint64_t> ToUint64(const JsonValue& value) {
  return ToInteger<std::uint64_t>(value);
}
std::optional<double> ToDouble(const JsonValue& value) { return ToFloating<double>(value); }
std::optional<float> ToFloat(const JsonValue& value) { return ToFloating<float>(value); }

std::optional<double> NumberToDouble(const JsonValue& value) {
  return TextToFloat<double>(value.text);
}

}  // namespace belfry::sidecar
