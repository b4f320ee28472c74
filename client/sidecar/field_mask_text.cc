#include "client/sidecar/field_mask_text.h"

#include "absl/strings/ascii.h"

namespace belfry::sidecar {
namespace {

bool IsPathChar(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_';
}

// "display_name" -> "displayName"; nothing if it has upper case or an underscore that would be
// lost.
std::optional<std::string> ToCamel(std::string_view path) {
  std::string out;
  bool after_underscore = false;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (!IsPathChar(c) || absl::ascii_isupper(byte)) return std::nullopt;
    if (after_underscore && !absl::ascii_islower(byte)) return std::nullopt;
    if (c != '_') out.push_back(after_underscore ? absl::ascii_toupper(byte) : c);
    after_underscore = c == '_';
  }
  if (after_underscore) return std::nullopt;
  return out;
}

std::optional<std::string> ToSnake(std::string_view path) {
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (!IsPathChar(c) || c == '_') return std::nullopt;
    if (absl::ascii_isupper(byte)) {
      out.push_back('_');
      out.push_back(absl::ascii_tolower(byte));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> FieldMaskText(const google::protobuf::FieldMask& mask) {
  std::string out;
  for (const std::string& path : mask.paths()) {
    const auto camel = ToCamel(path);
    if (!camel || camel->empty()) return std::nullopt;
    if (!out.empty()) out.push_back(',');
    out.append(*camel);
  }
  return out;
}

bool ParseFieldMaskText(std::string_view text, google::protobuf::FieldMask* mask) {
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const auto path = ToSnake(text.substr(0, comma));
    if (!path || path->empty()) return false;
    mask->add_paths(*path);
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
    if (text.empty()) return false;
  }
  return true;
}

}  // namespace belfry::sidecar
