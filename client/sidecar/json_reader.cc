#include "client/sidecar/json_reader.h"

#include <fmt/format.h>

#include <boost/json/basic_parser_impl.hpp>

#include "client/sidecar/limits.h"

namespace belfry::sidecar {
namespace {

namespace json = boost::json;

// Builds the tree from the parser's events. `open_` holds the arrays and objects that are not
// complete, outermost first, each with the key under which it goes into the one before.
class TreeBuilder {
 public:
  constexpr static std::size_t max_object_size = std::size_t(-1);
  constexpr static std::size_t max_array_size = std::size_t(-1);
  constexpr static std::size_t max_key_size = std::size_t(-1);
  constexpr static std::size_t max_string_size = std::size_t(-1);

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
    return Add(std::move(leaf));
  }
  bool on_null(json::error_code&) { return Add(JsonValue{}); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  bool Open(JsonValue::Kind kind) {
    open_.emplace_back(std::move(key_), JsonValue{});
    key_.clear();
    open_.back().second.kind = kind;
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
      parent.members.emplace_back(std::move(key_), std::move(value));
      key_.clear();
    }
    return true;
  }

  JsonValue root_;
  std::vector<std::pair<std::string, JsonValue>> open_;
  std::string key_;
  std::string text_;
};

absl::Status SyntaxError(std::string_view text, std::size_t offset, const json::error_code& ec) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (std::size_t i = 0; i < offset && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }
  std::string what = ec == json::error::too_deep
                         ? fmt::format("nested deeper than {} levels", kMaxJsonDepth)
                     : ec == json::error::incomplete ? std::string("unexpected end")
                                                     : ec.message();
  return absl::InvalidArgumentError(
      fmt::format("syntax error (line {}:{}): {}", line, column, what));
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
  json::basic_parser<TreeBuilder> parser(options);
  json::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (ec) return SyntaxError(text, used, ec);
  if (used < text.size()) {
    return SyntaxError(text, used, json::make_error_code(json::error::extra_data));
  }
  return std::move(parser.handler().root());
}

}  // namespace belfry::sidecar
