#include "client/cli/payload.h"

#include <boost/json/parse.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "absl/strings/escaping.h"
#include "client/cli/utf8.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/wrappers.pb.h"

namespace belfry {

namespace json = boost::json;
namespace pb = google::protobuf;

namespace {

// Whole numbers up to this size are exact in a double and printed without an exponent.
constexpr double kMaxExactInteger = 9007199254740992.0;

void FromJson(const json::value& in, pb::Value* out) {
  switch (in.kind()) {
    case json::kind::null:
      out->set_null_value(pb::NULL_VALUE);
      break;
    case json::kind::bool_:
      out->set_bool_value(in.get_bool());
      break;
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      out->set_number_value(in.to_number<double>());
      break;
    case json::kind::string:
      out->set_string_value(std::string(in.get_string()));
      break;
    case json::kind::array:
      out->mutable_list_value();
      for (const json::value& item : in.get_array()) {
        FromJson(item, out->mutable_list_value()->add_values());
      }
      break;
    case json::kind::object:
      out->mutable_struct_value();
      for (const auto& field : in.get_object()) {
        FromJson(field.value(),
                 &(*out->mutable_struct_value()->mutable_fields())[std::string(field.key())]);
      }
      break;
  }
}

json::value ToJson(const pb::Value& in);

json::value ToJson(const pb::ListValue& in) {
  json::array out;
  for (const pb::Value& item : in.values()) out.push_back(ToJson(item));
  return out;
}

json::value ToJson(const pb::Struct& in) {
  // Sorted, since the message keeps no order.
  std::map<std::string, const pb::Value*> fields;
  for (const auto& [key, value] : in.fields()) fields[key] = &value;
  json::object out;
  for (const auto& [key, value] : fields) out[key] = ToJson(*value);
  return out;
}

json::value ToJson(double number) {
  if (!std::isfinite(number)) return nullptr;  // JSON has no word for it
  if (std::trunc(number) == number && std::abs(number) <= kMaxExactInteger) {
    return static_cast<int64_t>(number);
  }
  return number;
}

json::value ToJson(const pb::Value& in) {
  switch (in.kind_case()) {
    case pb::Value::kBoolValue:
      return in.bool_value();
    case pb::Value::kNumberValue:
      return ToJson(in.number_value());
    case pb::Value::kStringValue:
      return json::string(in.string_value());
    case pb::Value::kListValue:
      return ToJson(in.list_value());
    case pb::Value::kStructValue:
      return ToJson(in.struct_value());
    case pb::Value::kNullValue:
    case pb::Value::KIND_NOT_SET:
      break;
  }
  return nullptr;
}

json::string Base64(const std::string& bytes) {
  std::string text;
  absl::Base64Escape(bytes, &text);
  return json::string(text);
}

// The JSON of a payload of one of the types that we know; nullopt if it is none or damaged.
std::optional<json::value> KnownJson(const pb::Any& payload) {
  if (pb::StringValue text; payload.Is<pb::StringValue>()) {
    if (!payload.UnpackTo(&text)) return std::nullopt;
    return json::value(json::string(text.value()));
  }
  if (pb::BytesValue bytes; payload.Is<pb::BytesValue>()) {
    if (!payload.UnpackTo(&bytes)) return std::nullopt;
    return json::value(Base64(bytes.value()));
  }
  if (pb::Value value; payload.Is<pb::Value>()) {
    if (!payload.UnpackTo(&value)) return std::nullopt;
    return ToJson(value);
  }
  if (pb::Struct fields; payload.Is<pb::Struct>()) {
    if (!payload.UnpackTo(&fields)) return std::nullopt;
    return ToJson(fields);
  }
  if (pb::ListValue list; payload.Is<pb::ListValue>()) {
    if (!payload.UnpackTo(&list)) return std::nullopt;
    return ToJson(list);
  }
  return std::nullopt;
}

template <typename Message>
pb::Any Pack(const Message& message) {
  pb::Any any;
  any.PackFrom(message);
  return any;
}

}  // namespace

pb::Any TextPayload(const std::string& text) {
  if (!IsUtf8(text)) return BytesPayload(text);
  pb::StringValue message;
  message.set_value(text);
  return Pack(message);
}

pb::Any BytesPayload(const std::string& bytes) {
  pb::BytesValue message;
  message.set_value(bytes);
  return Pack(message);
}

absl::StatusOr<pb::Any> JsonPayload(const std::string& text) {
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  if (error) return absl::InvalidArgumentError("not JSON: " + error.message());
  pb::Value message;
  FromJson(value, &message);
  return Pack(message);
}

json::value PayloadJson(const pb::Any& payload) {
  json::object out;
  out["@type"] = payload.type_url();
  std::optional<json::value> known = KnownJson(payload);
  out["value"] = known.has_value() ? *std::move(known) : json::value(Base64(payload.value()));
  return out;
}

}  // namespace belfry
