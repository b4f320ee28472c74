#pragma once

// google.protobuf.Value, Struct and ListValue to and from JSON.

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/struct.pb.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/sidecar/json_reader.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {

// Any JSON value as a Value; numbers become doubles. InvalidArgument if an object repeats a key or
// a number is too large for a double.
absl::Status JsonToValue(const JsonValue& json, google::protobuf::Value* value);
// The same for an object; InvalidArgument if `json` is not one.
absl::Status JsonToStruct(const JsonValue& json, google::protobuf::Struct* value);
// The same for an array; InvalidArgument if `json` is not one.
absl::Status JsonToList(const JsonValue& json, google::protobuf::ListValue* value);

// Append JSON, the keys of objects in byte order. False if a Value somewhere inside has no kind or
// is NaN or infinite: JSON cannot say that. Then `out` holds garbage.
bool AppendValue(const google::protobuf::Value& value, std::string* out);
bool AppendStruct(const google::protobuf::Struct& value, std::string* out);
bool AppendList(const google::protobuf::ListValue& value, std::string* out);

// Parses a message that may be nested up to kMaxPayloadMessageDepth; false if it is malformed.
template <typename Message>
bool ParsePayload(std::string_view bytes, Message* message) {
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  input.SetRecursionLimit(kMaxPayloadMessageDepth);
  return message->ParseFromCodedStream(&input) && input.ConsumedEntireMessage();
}

}  // namespace belfry::sidecar
