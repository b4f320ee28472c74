#pragma once

// Small helpers for texts that people write: UTF-8, white space, and quoting for error messages.
// All functions are pure and may be called from any thread.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace belfry {

// The longest stretch of a value that an error message shows.
inline constexpr size_t kMaxQuotedBytes = 128;

// The number of bytes of the UTF-8 character at the start of `text`, or 0 if there is none: the
// text is empty, or its first bytes are not UTF-8 (overlong forms and surrogates are not).
size_t Utf8Length(std::string_view text);

bool IsValidUtf8(std::string_view text);

// True for U+0000 to U+001F and U+007F.
inline bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7f;
}

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The number of bytes of the Unicode white space character at the start of `text`, or 0.
size_t SpaceLength(std::string_view text);

// The position of the first white space character, or npos.
size_t FindSpace(std::string_view text);

// Without the white space at both ends.
std::string_view TrimSpace(std::string_view text);

// The parts between runs of white space; none of them is empty.
std::vector<std::string_view> SplitAtSpace(std::string_view text);

// The parts between the separators; always at least one, and they may be empty.
std::vector<std::string_view> SplitAt(std::string_view text, char separator);

// `text` fit for a message of one line: control characters and bytes that are not UTF-8 become
// escapes such as \n and \x00, and what is longer than kMaxQuotedBytes ends in "...".
std::string Printable(std::string_view text);

// As Printable, in double quotes, with quotes and backslashes escaped.
std::string Quote(std::string_view text);

}  // namespace belfry
