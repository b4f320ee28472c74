#include "client/sidecar/json_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "absl/strings/escaping.h"

namespace belfry::sidecar {
namespace {

// Length of the UTF-8 character at the start of `text`, or 0 if there is none.
std::size_t Utf8Length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  const unsigned first = byte(0);
  if (text.empty()) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) >= 0xA0) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!continues(1) || !continues(2) || !continues(3)) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) >= 0x90) return 0;
    return 4;
  }
  return 0;
}

// Appends the short escape of a character; false if it has none.
bool AppendShortEscape(std::string* out, char c) {
  switch (c) {
    case '"':
      out->append("\\\"");
      return true;
    case '\\':
      out->append("\\\\");
      return true;
    case '\n':
      out->append("\\n");
      return true;
    case '\r':
      out->append("\\r");
      return true;
    case '\t':
      out->append("\\t");
      return true;
    case '\b':
      out->append("\\b");
      return true;
    case '\f':
      out->append("\\f");
      return true;
    default:
      return false;
  }
}

void AppendNumberEscape(std::string* out, char c) {
  fmt::format_to(std::back_inserter(*out), "\\u{:04x}", static_cast<unsigned char>(c));
}

// Writes digits and exponent as Go does: plain between 1e-6 and 1e21, else with an exponent.
template <typename Float>
void AppendNumber(std::string* out, Float value) {
  if (std::signbit(value)) {
    out->push_back('-');
    value = -value;
  }
  if (value == Float{0}) {
    out->push_back('0');
    return;
  }
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific);
  std::string_view text(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  const std::size_t e = text.find('e');
  int exponent = 0;
  const char sign = text[e + 1];
  std::from_chars(text.data() + e + 2, text.data() + text.size(), exponent);
  if (sign == '-') exponent = -exponent;
  std::string digits(1, text[0]);
  if (e > 2) digits.append(text.substr(2, e - 2));

  if (value < static_cast<Float>(1e-6) || value >= static_cast<Float>(1e21)) {
    out->push_back(digits[0]);
    if (digits.size() > 1) {
      out->push_back('.');
      out->append(digits, 1);
    }
    fmt::format_to(std::back_inserter(*out), "e{}{}", exponent < 0 ? '-' : '+', std::abs(exponent));
    return;
  }
  if (exponent < 0) {
    out->append("0.");
    out->append(static_cast<std::size_t>(-exponent - 1), '0');
    out->append(digits);
    return;
  }
  const std::size_t whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) {
    out->append(digits);
    out->append(whole - digits.size(), '0');
    return;
  }
  out->append(digits, 0, whole);
  out->push_back('.');
  out->append(digits, whole);
}

}  // namespace

void AppendJsonString(std::string* out, std::string_view text) {
  out->push_back('"');
  for (const char c : text) {
    if (AppendShortEscape(out, c)) continue;
    if (static_cast<unsigned char>(c) < 0x20) {
      AppendNumberEscape(out, c);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

void AppendGoJsonString(std::string* out, std::string_view text) {
  out->push_back('"');
  while (!text.empty()) {
    const char c = text[0];
    const std::size_t length = Utf8Length(text);
    const std::string_view character = text.substr(0, length);
    if (length == 0) {
      out->append("\\ufffd");
    } else if (length > 1) {
      if (character == "\u2028") {
        out->append("\\u2028");
      } else if (character == "\u2029") {
        out->append("\\u2029");
      } else {
        out->append(character);
      }
    } else if (AppendShortEscape(out, c)) {
      // appended
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
      AppendNumberEscape(out, c);
    } else {
      out->push_back(c);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out->push_back('"');
}

void AppendJsonNumber(std::string* out, double value) { AppendNumber(out, value); }

void AppendJsonNumber(std::string* out, float value) { AppendNumber(out, value); }

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string Base64(std::string_view bytes) {
  return absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()));
}

bool ParseBase64(std::string_view text, std::string* bytes) {
  const absl::string_view input(text.data(), text.size());
  return absl::Base64Unescape(input, bytes) || absl::WebSafeBase64Unescape(input, bytes);
}

}  // namespace belfry::sidecar
