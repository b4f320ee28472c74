#include "scheduler/schedule/text.h"

#include <spdlog/fmt/fmt.h>

#include <cstdint>

namespace belfry {
namespace {

uint32_t ByteAt(std::string_view text, size_t i) { return static_cast<unsigned char>(text[i]); }

bool IsContinuation(std::string_view text, size_t i) {
  return i < text.size() && (ByteAt(text, i) & 0xc0U) == 0x80U;
}

// The character of `length` bytes at the start of `text`. REQUIRES: length came from Utf8Length.
uint32_t Decode(std::string_view text, size_t length) {
  if (length == 1) return ByteAt(text, 0);
  uint32_t code = ByteAt(text, 0) & (0xffU >> (length + 1));
  for (size_t i = 1; i < length; ++i) code = (code << 6) | (ByteAt(text, i) & 0x3fU);
  return code;
}

bool IsSpace(uint32_t code) {
  switch (code) {
    case ' ':
    case '\t':
    case '\n':
    case '\v':
    case '\f':
    case '\r':
    case 0x85:
    case 0xa0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202f:
    case 0x205f:
    case 0x3000:
      return true;
    default:
      return code >= 0x2000 && code <= 0x200a;
  }
}

void AppendEscape(char c, std::string* out) {
  switch (c) {
    case '\n':
      out->append("\\n");
      return;
    case '\t':
      out->append("\\t");
      return;
    case '\r':
      out->append("\\r");
      return;
    default:
      out->append(fmt::format("\\x{:02x}", static_cast<unsigned char>(c)));
  }
}

std::string Escape(std::string_view text, bool quoted) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (i >= kMaxQuotedBytes) {
      out.append("...");
      break;
    }
    const size_t length = Utf8Length(text.substr(i));
    const char c = text[i];
    if (length == 0 || IsControl(c)) {
      AppendEscape(c, &out);
      ++i;
      continue;
    }
    if (quoted && (c == '"' || c == '\\')) out.push_back('\\');
    out.append(text.substr(i, length));
    i += length;
  }
  return out;
}

}  // namespace

size_t Utf8Length(std::string_view text) {
  if (text.empty()) return 0;
  const uint32_t first = ByteAt(text, 0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return IsContinuation(text, 1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!IsContinuation(text, 1) || !IsContinuation(text, 2)) return 0;
    const uint32_t code = Decode(text, 3);
    return code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    for (size_t i = 1; i < 4; ++i) {
      if (!IsContinuation(text, i)) return 0;
    }
    const uint32_t code = Decode(text, 4);
    return code < 0x10000 || code > 0x10ffff ? 0 : 4;
  }
  return 0;
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

size_t SpaceLength(std::string_view text) {
  const size_t length = Utf8Length(text);
  return length > 0 && IsSpace(Decode(text, length)) ? length : 0;
}

size_t FindSpace(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (SpaceLength(text.substr(i)) > 0) return i;
  }
  return std::string_view::npos;
}

std::string_view TrimSpace(std::string_view text) {
  while (const size_t length = SpaceLength(text)) text.remove_prefix(length);
  size_t end = 0;  // after the last character that is not white space
  for (size_t i = 0; i < text.size();) {
    const size_t length = SpaceLength(text.substr(i));
    i += length > 0 ? length : 1;
    if (length == 0) end = i;
  }
  return text.substr(0, end);
}

std::vector<std::string_view> SplitAtSpace(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    while (const size_t length = SpaceLength(text)) text.remove_prefix(length);
    if (text.empty()) return parts;
    const std::string_view part = text.substr(0, FindSpace(text));
    parts.push_back(part);
    text.remove_prefix(part.size());
  }
}

std::vector<std::string_view> SplitAt(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string Printable(std::string_view text) { return Escape(text, /*quoted=*/false); }

std::string Quote(std::string_view text) { return '"' + Escape(text, /*quoted=*/true) + '"'; }

}  // namespace belfry
