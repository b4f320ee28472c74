#pragma once

// Reads JSON strictly (RFC 8259, UTF-8) into a tree that keeps the order of members, repeated
// keys and the text of numbers, so that its users can be as strict as they must.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace belfry::sidecar {

// A value. Ordinary value semantics.
struct JsonValue {
  enum class Kind { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  // The text of a number as it was written, or the content of a string.
  std::string text;
  std::vector<JsonValue> items;                            // of an array
  std::vector<std::pair<std::string, JsonValue>> members;  // of an object, in source order

  bool is_null() const { return kind == Kind::kNull; }
  bool is_bool() const { return kind == Kind::kFalse || kind == Kind::kTrue; }
  bool is_number() const { return kind == Kind::kNumber; }
  bool is_string() const { return kind == Kind::kString; }
  bool is_object() const { return kind == Kind::kObject; }

  // The first member of that name, or null. REQUIRES: is_object().
  const JsonValue* Find(std::string_view name) const;
};

// Reads one value that fills `text`, white space around it aside. InvalidArgument with the line and
// the column if it is not JSON, has bytes behind it or is nested deeper than kMaxJsonDepth.
absl::StatusOr<JsonValue> ParseJson(std::string_view text);

}  // namespace belfry::sidecar
