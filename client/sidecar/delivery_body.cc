#include "client/sidecar/delivery_body.h"

#include <google/protobuf/wrappers.pb.h>

#include "client/sidecar/value_json.h"
#include "client/sidecar/well_known_types.h"
#include "client/sidecar/white_space.h"

namespace belfry::sidecar {
namespace {

constexpr char kStringValueTypeUrl[] = "type.googleapis.com/google.protobuf.StringValue";
constexpr char kBytesValueTypeUrl[] = "type.googleapis.com/google.protobuf.BytesValue";

absl::StatusOr<std::string> ValueBody(const std::string& bytes) {
  google::protobuf::Value value;
  if (!ParsePayload(bytes, &value)) {
    return absl::InvalidArgumentError("data is not a google.protobuf.Value, though it says so");
  }
  std::string body;
  if (value.kind_case() == google::protobuf::Value::KIND_NOT_SET) return body;
  if (!AppendValue(value, &body)) {
    return absl::InvalidArgumentError("data is a google.protobuf.Value that JSON cannot tell");
  }
  return body;
}

}  // namespace

absl::StatusOr<std::string> DeliveryBody(const std::optional<google::protobuf::Any>& data) {
  if (!data) return std::string();
  if (data->type_url() == kValueTypeUrl) return ValueBody(data->value());
  if (data->type_url() == kStringValueTypeUrl) {
    google::protobuf::StringValue text;
    if (ParsePayload(data->value(), &text)) return text.value();
  }
  if (data->type_url() == kBytesValueTypeUrl) {
    google::protobuf::BytesValue bytes;
    if (ParsePayload(data->value(), &bytes)) return bytes.value();
  }
  return std::string(TrimWhiteSpace(data->value()));
}

}  // namespace belfry::sidecar
