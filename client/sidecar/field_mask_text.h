#pragma once

// google.protobuf.FieldMask as protobuf's JSON writes it: "user.displayName,photo".

#include <google/protobuf/field_mask.pb.h>

#include <optional>
#include <string>
#include <string_view>

namespace belfry::sidecar {

// Nothing if a path cannot be told in camel case and back.
std::optional<std::string> FieldMaskText(const google::protobuf::FieldMask& mask);

// False if `text` is not a list of camel-case paths.
bool ParseFieldMaskText(std::string_view text, google::protobuf::FieldMask* mask);

}  // namespace belfry::sidecar
