#pragma once

#include <google/protobuf/any.pb.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace belfry::sidecar {

// The body with which an HTTP app receives a payload: of a Value its JSON, of a StringValue or a
// BytesValue its content, of anything else its bytes without white space at both ends. No payload
// and a Value without a kind are empty bodies. InvalidArgument if a Value cannot be told in JSON.
absl::StatusOr<std::string> DeliveryBody(const std::optional<google::protobuf::Any>& data);

}  // namespace belfry::sidecar
