#pragma once

// google.protobuf.Any to and from JSON for the well-known types: the wrappers, Value, Struct,
// ListValue, Duration, Timestamp, Empty, FieldMask and Any itself.

#include <google/protobuf/any.pb.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/sidecar/json_reader.h"

namespace belfry::sidecar {

// The type URL under which any JSON value is stored.
inline constexpr std::string_view kValueTypeUrl = "type.googleapis.com/google.protobuf.Value";

// Appends `{"@type":<url>,"value":<JSON>}`, or `{}` for an empty Any. A payload of any other type,
// or one that does not fit its type, gets its bytes as base64 for a value.
void AppendAny(const google::protobuf::Any& any, std::string* out);

// Whether `json` is an object whose `@type` names a well-known type.
bool IsWellKnownPair(const JsonValue& json);

// Reads such an object; members other than `@type` and `value` are ignored. InvalidArgument if the
// value is missing, given twice or not one of that type. REQUIRES: IsWellKnownPair(json).
absl::StatusOr<google::protobuf::Any> ReadWellKnownPair(const JsonValue& json);

// Stores any JSON value as Any{google.protobuf.Value}. InvalidArgument if an object repeats a key
// or a number is too large.
absl::StatusOr<google::protobuf::Any> JsonToValueAny(const JsonValue& json);

}  // namespace belfry::sidecar
