#pragma once

// Reads numbers out of JSON as protobuf's JSON mapping does.

#include <cstdint>
#include <optional>

#include "client/sidecar/json_reader.h"

namespace belfry::sidecar {

// A whole number, written as a JSON number or as a string that holds one; `5.0` and `5e0` are 5.
// Nothing if the value is of another type, not whole or out of range.
std::optional<std::int32_t> ToInt32(const JsonValue& value);
std::optional<std::int64_t> ToInt64(const JsonValue& value);
std::optional<std::uint32_t> ToUint32(const JsonValue& value);
std::optional<std::uint64_t> ToUint64(const JsonValue& value);

// A number, or a string that holds one or "NaN", "Infinity" or "-Infinity"; nothing if it is
// neither or too large for the type.
std::optional<double> ToDouble(const JsonValue& value);
std::optional<float> ToFloat(const JsonValue& value);

// The nearest double of a number's text; nothing if it is too large. REQUIRES: value.is_number().
std::optional<double> NumberToDouble(const JsonValue& value);

}  // namespace belfry::sidecar
