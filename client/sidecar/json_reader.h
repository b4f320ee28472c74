#pragma once

// Reads JSON strictly (RFC 8259, UTF-8) into a tree that keeps the order of members, repeated
// keys and the text of numbers, so that its users can be as strict as they must.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace belfry::sidecar {

struct JsonMember;

// A value. Ordinary value semantics.
struct JsonValue {
  enum class Kind { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  // The text of a number as it was written, or the content of a string.
  std::string text;
  std::vector<JsonValue> items;     // of an array
  std::vector<JsonMember> members;  // of an object, in source order
  // Where the value begins in the source, and its key if it is a member of an object; in bytes.
  std::size_t offset = 0;
  std::size_t key_offset = 0;

  bool is_null() const { return kind == Kind::kNull; }
  bool is_bool() const { return kind == Kind::kFalse || kind == Kind::kTrue; }
  bool is_number() const { return kind == Kind::kNumber; }
  bool is_string() const { return kind == Kind::kString; }
  bool is_object() const { return kind == Kind::kObject; }

  // The first member of that name, or null. REQUIRES: is_object().
  const JsonValue* Find(std::string_view name) const;
};

// A member of an object.
struct JsonMember {
  std::string key;
  JsonValue value;
};

// Reads one value that fills `text`, white space around it aside. InvalidArgument with the line and
// the column if it is not JSON, has bytes behind it or is nested deeper than kMaxJsonDepth.
absl::StatusOr<JsonValue> ParseJson(std::string_view text);

// InvalidArgument that says what is wrong at a place of the source, which WithPosition will tell as
// line and column. The second one is for tokens that should not be there at all.
absl::Status JsonErrorAt(std::size_t offset, std::string_view message);
absl::Status JsonSyntaxErrorAt(std::size_t offset, std::string_view message);

// The same status with the line and column of its place in `text` before its message; a status
// without a place as it is.
absl::Status WithPosition(const absl::Status& status, std::string_view text);

}  // namespace belfry::sidecar
