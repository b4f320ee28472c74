#pragma once

// A job's data between the command line and google.protobuf.Any.

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "google/protobuf/any.pb.h"

namespace belfry {

// Text becomes a google.protobuf.StringValue, or a BytesValue if it is not UTF-8.
google::protobuf::Any TextPayload(const std::string& text);

// Bytes become a google.protobuf.BytesValue.
google::protobuf::Any BytesPayload(const std::string& bytes);

// A JSON text becomes a google.protobuf.Value, as with the sidecar's HTTP API: numbers are doubles.
// InvalidArgument if it is not JSON.
absl::StatusOr<google::protobuf::Any> JsonPayload(const std::string& json);

// {"@type": <type URL>, "value": <content>}: a string for StringValue, JSON for Value, Struct and
// ListValue, base64 for BytesValue; base64 of the message for any other type.
boost::json::value PayloadJson(const google::protobuf::Any& payload);

}  // namespace belfry
