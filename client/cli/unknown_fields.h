#pragma once

// Fields of a message that this version does not know: a newer peer has set them, and they are kept
// as bytes.

#include <map>
#include <string>

#include "google/protobuf/message.h"

namespace belfry {

// By the path of the message within `message` that has them, field names joined by dots; "" is
// `message` itself.
using UnknownFields = std::map<std::string, std::string>;

// The unknown fields of a message and all messages in it that are set. Messages in repeated fields
// are not looked into.
UnknownFields TakeUnknownFields(const google::protobuf::Message& message);

// Adds unknown fields to the message at `path` within `message`. False if there is no such message,
// it is not set, or `bytes` are not fields.
bool AddUnknownFields(const std::string& path, const std::string& bytes,
                      google::protobuf::Message* message);

}  // namespace belfry
