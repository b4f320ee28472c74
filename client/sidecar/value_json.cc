#include "client/sidecar/value_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "client/sidecar/json_numbers.h"
#include "client/sidecar/json_text.h"

namespace belfry::sidecar {

namespace pb = google::protobuf;

absl::Status JsonToValue(const JsonValue& json, pb::Value* value) {
  switch (json.kind) {
    case JsonValue::Kind::kNull:
      value->set_null_value(pb::NULL_VALUE);
      return absl::OkStatus();
    case JsonValue::Kind::kFalse:
    case JsonValue::Kind::kTrue:
      value->set_bool_value(json.kind == JsonValue::Kind::kTrue);
      return absl::OkStatus();
    case JsonValue::Kind::kNumber: {
      const auto number = NumberToDouble(json);
      if (!number) {
        return JsonErrorAt(
            json.offset,
            fmt::format("invalid google.protobuf.Value: number {} is out of range", json.text));
      }
      value->set_number_value(*number);
      return absl::OkStatus();
    }
    case JsonValue::Kind::kString:
      value->set_string_value(json.text);
      return absl::OkStatus();
    case JsonValue::Kind::kArray:
      return JsonToList(json, value->mutable_list_value());
    case JsonValue::Kind::kObject:
      return JsonToStruct(json, value->mutable_struct_value());
  }
  return absl::OkStatus();
}

absl::Status JsonToStruct(const JsonValue& json, pb::Struct* value) {
  if (!json.is_object()) {
    return JsonErrorAt(json.offset, "invalid google.protobuf.Struct: not an object");
  }
  auto& fields = *value->mutable_fields();
  for (const auto& [key, member] : json.members) {
    if (fields.contains(key)) {
      return JsonErrorAt(member.key_offset, fmt::format("duplicate map key \"{}\"", key));
    }
    if (auto status = JsonToValue(member, &fields[key]); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status JsonToList(const JsonValue& json, pb::ListValue* value) {
  if (json.kind != JsonValue::Kind::kArray) {
    return JsonErrorAt(json.offset, "invalid google.protobuf.ListValue: not an array");
  }
  for (const JsonValue& item : json.items) {
    if (auto status = JsonToValue(item, value->add_values()); !status.ok()) return status;
  }
  return absl::OkStatus();
}

bool AppendValue(const pb::Value& value, std::string* out) {
  switch (value.kind_case()) {
    case pb::Value::kNullValue:
      out->append("null");
      return true;
    case pb::Value::kBoolValue:
      out->append(value.bool_value() ? "true" : "false");
      return true;
    case pb::Value::kNumberValue:
      if (!std::isfinite(value.number_value())) return false;
      AppendJsonNumber(out, value.number_value());
      return true;
    case pb::Value::kStringValue:
      AppendJsonString(out, value.string_value());
      return true;
    case pb::Value::kStructValue:
      return AppendStruct(value.struct_value(), out);
    case pb::Value::kListValue:
      return AppendList(value.list_value(), out);
    case pb::Value::KIND_NOT_SET:
      return false;
  }
  return false;
}

bool AppendStruct(const pb::Struct& value, std::string* out) {
  std::vector<const std::string*> keys;
  for (const auto& field : value.fields()) keys.push_back(&field.first);
  std::sort(keys.begin(), keys.end(), [](const auto* a, const auto* b) { return *a < *b; });
  out->push_back('{');
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i > 0) out->push_back(',');
    AppendJsonString(out, *keys[i]);
    out->push_back(':');
    if (!AppendValue(value.fields().at(*keys[i]), out)) return false;
  }
  out->push_back('}');
  return true;
}

bool AppendList(const pb::ListValue& value, std::string* out) {
  out->push_back('[');
  for (int i = 0; i < value.values_size(); ++i) {
    if (i > 0) out->push_back(',');
    if (!AppendValue(value.values(i), out)) return false;
  }
  out->push_back(']');
  return true;
}

}  // namespace belfry::sidecar
