#include "client/sidecar/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {
namespace {

namespace json = boost::json;

// Finds where keys and values begin, in the order in which the parser tells of them: the parser
// does not say where it is. Looks only at text that the parser has found to be JSON.
class TokenOffsets {
 public:
  explicit TokenOffsets(std::string_view text) : text_(text) {}

  // Where the next key, scalar, array or object begins.
  std::size_t Next() {
    constexpr std::string_view kBetween = " \t\r\n,:]}";
    at_ = std::min(text_.find_first_not_of(kBetween, at_), text_.size());
    const std::size_t begin = at_;
    if (at_ == text_.size()) return begin;
    if (text_[at_] == '[' || text_[at_] == '{') {
      ++at_;
    } else if (text_[at_] == '"') {
      SkipString();
    } else {
      at_ = std::min(text_.find_first_of(kBetween, at_), text_.size());
    }
    return begin;
  }

 private:
  void SkipString() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

// Builds the tree from the parser's events. `open_` holds the arrays and objects that are not
// complete, outermost first, each with the key under which it goes into the one before.
class TreeBuilder {
 public:
  constexpr static std::size_t max_object_size = std::size_t(-1);
  constexpr static std::size_t max_array_size = std::size_t(-1);
  constexpr static std::size_t max_key_size = std::size_t(-1);
  constexpr static std::size_t max_string_size = std::size_t(-1);

  explicit TreeBuilder(std::string_view text) : offsets_(text) {}

  JsonValue& root() { return root_; }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return Open(JsonValue::Kind::kObject); }
  bool on_object_end(std::size_t, json::error_code&) { return Close(); }
  bool on_array_begin(json::error_code&) { return Open(JsonValue::Kind::kArray); }
  bool on_array_end(std::size_t, json::error_code&) { return Close(); }

  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    text_.append(part.data(), part.size());
    key_ = std::move(text_);
    text_.clear();
    key_offset_ = offsets_.Next();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code&) {
    return AddText(JsonValue::Kind::kString, part);
  }
  bool on_number_part(json::string_view part, json::error_code&) {
    text_.append(part.data(), part.size());
    return true;
  }
  // Only the text counts: this Boost's doubles can be off by some last digits.
  bool on_int64(std::int64_t, json::string_view part, json::error_code&) {
    return AddText(JsonValue::Kind::kNumber, part);
  }
  bool on_uint64(std::uint64_t, json::string_view part, json::error_code&) {
    return AddText(JsonValue::Kind::kNumber, part);
  }
  bool on_double(double, json::string_view part, json::error_code&) {
    return AddText(JsonValue::Kind::kNumber, part);
  }
  bool on_bool(bool value, json::error_code&) {
    JsonValue leaf;
    leaf.kind = value ? JsonValue::Kind::kTrue : JsonValue::Kind::kFalse;
    return AddLeaf(std::move(leaf));
  }
  bool on_null(json::error_code&) { return AddLeaf(JsonValue{}); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  bool Open(JsonValue::Kind kind) {
    open_.emplace_back(std::move(key_), JsonValue{});
    key_.clear();
    JsonValue& value = open_.back().second;
    value.kind = kind;
    value.offset = offsets_.Next();
    value.key_offset = key_offset_;
    return true;
  }

  bool Close() {
    JsonValue value = std::move(open_.back().second);
    key_ = std::move(open_.back().first);
    open_.pop_back();
    return Add(std::move(value));
  }

  bool AddText(JsonValue::Kind kind, json::string_view last_part) {
    JsonValue leaf;
    leaf.kind = kind;
    leaf.text = std::move(text_);
    leaf.text.append(last_part.data(), last_part.size());
    text_.clear();
    return AddLeaf(std::move(leaf));
  }

  bool AddLeaf(JsonValue leaf) {
    leaf.offset = offsets_.Next();
    leaf.key_offset = key_offset_;
    return Add(std::move(leaf));
  }

  bool Add(JsonValue value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return true;
    }
    JsonValue& parent = open_.back().second;
    if (parent.kind == JsonValue::Kind::kArray) {
      parent.items.push_back(std::move(value));
    } else {
      parent.members.push_back({std::move(key_), std::move(value)});
      key_.clear();
    }
    return true;
  }

  JsonValue root_;
  std::vector<std::pair<std::string, JsonValue>> open_;
  std::string key_;
  std::string text_;
  TokenOffsets offsets_;
  std::size_t key_offset_ = 0;
};

// The payloads of a status that hold its place, and tell that it is about the syntax.
constexpr char kOffsetPayload[] = "belfry.sidecar/json-offset";
constexpr char kSyntaxPayload[] = "belfry.sidecar/json-syntax";

// "line 2:8", both counted from 1, columns in characters.
std::string LineAndColumn(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_begin = before.rfind('\n') + 1;  // 0 if there is none
  const auto column =
      1 + std::count_if(before.begin() + static_cast<std::ptrdiff_t>(line_begin), before.end(),
                        [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return fmt::format("line {}:{}", line, column);
}

absl::Status ParserError(std::string_view text, std::size_t offset, const json::error_code& ec) {
  const std::string what = ec == json::error::too_deep
                               ? fmt::format("nested deeper than {} levels", kMaxJsonDepth)
                           : ec == json::error::incomplete ? std::string("unexpected end")
                                                           : ec.message();
  return WithPosition(JsonSyntaxErrorAt(offset, what), text);
}

}  // namespace

const JsonValue* JsonValue::Find(std::string_view name) const {
  for (const auto& [key, value] : members) {
    if (key == name) return &value;
  }
  return nullptr;
}

absl::StatusOr<JsonValue> ParseJson(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  json::basic_parser<TreeBuilder> parser(options, text);
  json::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (ec) return ParserError(text, used, ec);
  if (used < text.size()) {
    return ParserError(text, used, json::make_error_code(json::error::extra_data));
  }
  return std::move(parser.handler().root());
}

absl::Status JsonErrorAt(std::size_t offset, std::string_view message) {
  absl::Status status = absl::InvalidArgumentError(std::string(message));
  status.SetPayload(kOffsetPayload, absl::Cord(std::to_string(offset)));
  return status;
}

absl::Status JsonSyntaxErrorAt(std::size_t offset, std::string_view message) {
  absl::Status status = JsonErrorAt(offset, message);
  status.SetPayload(kSyntaxPayload, absl::Cord());
  return status;
}

absl::Status WithPosition(const absl::Status& status, std::string_view text) {
  const auto payload = status.GetPayload(kOffsetPayload);
  std::size_t offset = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &offset)) return status;
  const char* syntax = status.GetPayload(kSyntaxPayload) ? "syntax error " : "";
  return absl::Status(status.code(), fmt::format("{}({}): {}", syntax, LineAndColumn(text, offset),
                                                 std::string(status.message())));
}

}  // namespace belfry::sidecar
