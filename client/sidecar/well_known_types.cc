#include "client/sidecar/well_known_types.h"

#include <fmt/format.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <array>
#include <cmath>
#include <type_traits>

#include "client/sidecar/field_mask_text.h"
#include "client/sidecar/json_numbers.h"
#include "client/sidecar/json_text.h"
#include "client/sidecar/time_text.h"
#include "client/sidecar/value_json.h"

namespace belfry::sidecar {
namespace {

namespace pb = google::protobuf;

// An Any inside an Any hides from the parser's own limit on nesting.
constexpr int kMaxNestedAnys = 16;

void AppendNestedAny(const pb::Any& any, int depth, std::string* out);

// --- Writing: each overload appends the JSON of one type, or returns false if it has none.
// --------

template <typename Integer>
void AppendInteger(Integer value, std::string* out) {
  // JSON's numbers are doubles for many readers, so 64-bit integers are written as strings.
  const char* quote = sizeof(Integer) == 8 ? "\"" : "";
  fmt::format_to(std::back_inserter(*out), "{}{}{}", quote, value, quote);
}

template <typename Float>
void AppendFloat(Float value, std::string* out) {
  if (std::isnan(value)) {
    out->append("\"NaN\"");
  } else if (std::isinf(value)) {
    out->append(value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
  } else {
    AppendJsonNumber(out, value);
  }
}

bool AppendText(const std::optional<std::string>& text, std::string* out) {
  if (!text) return false;
  AppendJsonString(out, *text);
  return true;
}

bool Append(const pb::Value& m, int, std::string* out) { return AppendValue(m, out); }
bool Append(const pb::Struct& m, int, std::string* out) { return AppendStruct(m, out); }
bool Append(const pb::ListValue& m, int, std::string* out) { return AppendList(m, out); }
bool Append(const pb::StringValue& m, int, std::string* out) { return AppendText(m.value(), out); }
bool Append(const pb::BytesValue& m, int, std::string* out) {
  return AppendText(Base64(m.value()), out);
}
bool Append(const pb::BoolValue& m, int, std::string* out) {
  out->append(m.value() ? "true" : "false");
  return true;
}
bool Append(const pb::Duration& m, int, std::string* out) {
  return AppendText(DurationText({m.seconds(), m.nanos()}), out);
}
bool Append(const pb::Timestamp& m, int, std::string* out) {
  return AppendText(TimestampText({m.seconds(), m.nanos()}), out);
}
bool Append(const pb::FieldMask& m, int, std::string* out) {
  return AppendText(FieldMaskText(m), out);
}
bool Append(const pb::Empty&, int, std::string* out) {
  out->append("{}");
  return true;
}
bool Append(const pb::Any& m, int depth, std::string* out) {
  AppendNestedAny(m, depth + 1, out);
  return true;
}
template <typename Number>  // the number wrappers
bool Append(const Number& m, int, std::string* out) {
  if constexpr (std::is_floating_point_v<decltype(m.value())>) {
    AppendFloat(m.value(), out);
  } else {
    AppendInteger(m.value(), out);
  }
  return true;
}

// --- Reading: each overload fills one type, or tells what is wrong.
// -------------------------------

absl::Status Mismatch(std::string_view type, const JsonValue& json) {
  const bool scalar = json.is_number() || json.is_string();
  return JsonErrorAt(json.offset, fmt::format("invalid google.protobuf.{}{}{}", type,
                                              scalar ? ": " : "", json.text));
}

template <typename Message, typename Optional>
absl::Status SetNumber(Message* m, const Optional& number, const JsonValue& json) {
  if (!number) return Mismatch(m->GetDescriptor()->name(), json);
  m->set_value(*number);
  return absl::OkStatus();
}

template <typename Message>
absl::Status SetTime(Message* m, const std::optional<SecondsNanos>& time, const JsonValue& json) {
  if (!json.is_string() || !time) return Mismatch(m->GetDescriptor()->name(), json);
  m->set_seconds(time->seconds);
  m->set_nanos(time->nanos);
  return absl::OkStatus();
}

absl::Status Read(const JsonValue& json, pb::Value* m) { return JsonToValue(json, m); }
absl::Status Read(const JsonValue& json, pb::Struct* m) { return JsonToStruct(json, m); }
absl::Status Read(const JsonValue& json, pb::ListValue* m) { return JsonToList(json, m); }
absl::Status Read(const JsonValue& json, pb::StringValue* m) {
  if (!json.is_string()) return Mismatch("StringValue", json);
  m->set_value(json.text);
  return absl::OkStatus();
}
absl::Status Read(const JsonValue& json, pb::BytesValue* m) {
  if (!json.is_string() || !ParseBase64(json.text, m->mutable_value())) {
    return Mismatch("BytesValue", json);
  }
  return absl::OkStatus();
}
absl::Status Read(const JsonValue& json, pb::BoolValue* m) {
  if (!json.is_bool()) return Mismatch("BoolValue", json);
  m->set_value(json.kind == JsonValue::Kind::kTrue);
  return absl::OkStatus();
}
absl::Status Read(const JsonValue& json, pb::Int32Value* m) {
  return SetNumber(m, ToInt32(json), json);
}
absl::Status Read(const JsonValue& json, pb::Int64Value* m) {
  return SetNumber(m, ToInt64(json), json);
}
absl::Status Read(const JsonValue& json, pb::UInt32Value* m) {
  return SetNumber(m, ToUint32(json), json);
}
absl::Status Read(const JsonValue& json, pb::UInt64Value* m) {
  return SetNumber(m, ToUint64(json), json);
}
absl::Status Read(const JsonValue& json, pb::FloatValue* m) {
  return SetNumber(m, ToFloat(json), json);
}
absl::Status Read(const JsonValue& json, pb::DoubleValue* m) {
  return SetNumber(m, ToDouble(json), json);
}
absl::Status Read(const JsonValue& json, pb::Duration* m) {
  return SetTime(m, ParseDurationText(json.text), json);
}
absl::Status Read(const JsonValue& json, pb::Timestamp* m) {
  return SetTime(m, ParseTimestampText(json.text), json);
}
absl::Status Read(const JsonValue& json, pb::Empty*) {
  return json.is_object() ? absl::OkStatus() : Mismatch("Empty", json);
}
absl::Status Read(const JsonValue& json, pb::FieldMask* m) {
  if (!json.is_string() || !ParseFieldMaskText(json.text, m)) return Mismatch("FieldMask", json);
  return absl::OkStatus();
}
absl::Status Read(const JsonValue& json, pb::Any* m) {
  if (json.is_object() && json.members.empty()) return absl::OkStatus();
  if (!IsWellKnownPair(json)) {
    return JsonErrorAt(json.offset,
                       "invalid google.protobuf.Any: @type does not name a well-known type");
  }
  auto any = ReadWellKnownPair(json);
  if (!any.ok()) return any.status();
  *m = *std::move(any);
  return absl::OkStatus();
}

// --- The table of types
// ---------------------------------------------------------------------------

struct WellKnownType {
  std::string_view name;
  bool (*append)(std::string_view bytes, int depth, std::string* out);
  absl::StatusOr<std::string> (*read)(const JsonValue& json);
};

template <typename Message>
bool AppendBytes(std::string_view bytes, int depth, std::string* out) {
  Message message;
  return ParsePayload(bytes, &message) && Append(message, depth, out);
}

template <typename Message>
absl::StatusOr<std::string> ReadBytes(const JsonValue& json) {
  Message message;
  if (auto status = Read(json, &message); !status.ok()) return status;
  return message.SerializeAsString();
}

template <typename Message>
constexpr WellKnownType Type(std::string_view name) {
  return {name, &AppendBytes<Message>, &ReadBytes<Message>};
}

constexpr std::array kWellKnownTypes = {
    Type<pb::Value>("Value"),
    Type<pb::Struct>("Struct"),
    Type<pb::ListValue>("ListValue"),
    Type<pb::StringValue>("StringValue"),
    Type<pb::BytesValue>("BytesValue"),
    Type<pb::BoolValue>("BoolValue"),
    Type<pb::Int32Value>("Int32Value"),
    Type<pb::Int64Value>("Int64Value"),
    Type<pb::UInt32Value>("UInt32Value"),
    Type<pb::UInt64Value>("UInt64Value"),
    Type<pb::FloatValue>("FloatValue"),
    Type<pb::DoubleValue>("DoubleValue"),
    Type<pb::Duration>("Duration"),
    Type<pb::Timestamp>("Timestamp"),
    Type<pb::Empty>("Empty"),
    Type<pb::FieldMask>("FieldMask"),
    Type<pb::Any>("Any"),
};

// The type that a type URL names, whatever stands before its last slash.
const WellKnownType* FindType(std::string_view url) {
  constexpr std::string_view kPackage = "google.protobuf.";
  if (const std::size_t slash = url.rfind('/'); slash != std::string_view::npos) {
    url.remove_prefix(slash + 1);
  }
  if (!url.starts_with(kPackage)) return nullptr;
  url.remove_prefix(kPackage.size());
  for (const WellKnownType& type : kWellKnownTypes) {
    if (type.name == url) return &type;
  }
  return nullptr;
}

void AppendNestedAny(const pb::Any& any, int depth, std::string* out) {
  if (any.type_url().empty() && any.value().empty()) {
    out->append("{}");
    return;
  }
  out->append("{\"@type\":");
  AppendJsonString(out, any.type_url());
  out->append(",\"value\":");
  const WellKnownType* type = depth < kMaxNestedAnys ? FindType(any.type_url()) : nullptr;
  const std::size_t start = out->size();
  if (type == nullptr || !type->append(any.value(), depth, out)) {
    out->resize(start);
    AppendJsonString(out, Base64(any.value()));
  }
  out->push_back('}');
}

}  // namespace

void AppendAny(const pb::Any& any, std::string* out) { AppendNestedAny(any, 0, out); }

bool IsWellKnownPair(const JsonValue& json) {
  if (!json.is_object()) return false;
  const JsonValue* url = json.Find("@type");
  return url != nullptr && url->is_string() && FindType(url->text) != nullptr;
}

absl::StatusOr<pb::Any> ReadWellKnownPair(const JsonValue& json) {
  const JsonValue* url = nullptr;
  const JsonValue* value = nullptr;
  for (const auto& [key, member] : json.members) {
    const JsonValue** slot = key == "@type" ? &url : key == "value" ? &value : nullptr;
    if (slot == nullptr) continue;
    if (*slot != nullptr) {
      return JsonErrorAt(member.key_offset, fmt::format("duplicate \"{}\" field", key));
    }
    *slot = &member;
  }
  const WellKnownType& type = *FindType(url->text);
  JsonValue empty;
  empty.kind = JsonValue::Kind::kObject;
  if (value == nullptr && type.name != "Empty") {
    return JsonErrorAt(json.offset, "missing \"value\" field beside \"@type\"");
  }
  auto bytes = type.read(value == nullptr ? empty : *value);
  if (!bytes.ok()) return bytes.status();
  pb::Any any;
  any.set_type_url(url->text);
  any.set_value(*std::move(bytes));
  return any;
}

absl::StatusOr<pb::Any> JsonToValueAny(const JsonValue& json) {
  pb::Value value;
  if (auto status = JsonToValue(json, &value); !status.ok()) return status;
  pb::Any any;
  any.set_type_url(std::string(kValueTypeUrl));
  any.set_value(value.SerializeAsString());
  return any;
}

}  // namespace belfry::sidecar
