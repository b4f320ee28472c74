#include "client/sidecar/json_job.h"

#include <fmt/format.h>

#include <functional>
#include <set>
#include <vector>

#include "client/sidecar/json_numbers.h"
#include "client/sidecar/json_reader.h"
#include "client/sidecar/json_text.h"
#include "client/sidecar/time_text.h"
#include "client/sidecar/well_known_types.h"

namespace belfry::sidecar {
namespace {

using dapr::proto::common::v1::JobFailurePolicy;
using dapr::proto::common::v1::JobFailurePolicyConstant;
using dapr::proto::runtime::v1::Job;
using dapr::proto::runtime::v1::ScheduleJobRequest;

// A field of an object: its names and what reads it.
struct Field {
  std::string_view camel;
  std::string_view snake;
  std::function<absl::Status(const JsonValue&)> read;
  bool null_is_value = false;
};

// Hands each known member of `object` to its field; unknown members are ignored.
absl::Status ReadFields(const JsonValue& object, const std::vector<Field>& fields) {
  std::set<std::string_view> seen;
  for (const auto& [key, value] : object.members) {
    for (const Field& field : fields) {
      if (key != field.camel && key != field.snake) continue;
      if (!seen.insert(field.camel).second) {
        return JsonErrorAt(value.key_offset, fmt::format("duplicate field \"{}\"", key));
      }
      if (value.is_null() && !field.null_is_value) continue;
      if (auto status = field.read(value); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

// What a wrong value looks like in an error: scalars as they were written.
std::string Shown(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::kNull:
      return "null";
    case JsonValue::Kind::kFalse:
      return "false";
    case JsonValue::Kind::kTrue:
      return "true";
    case JsonValue::Kind::kNumber:
      return value.text;
    case JsonValue::Kind::kString: {
      std::string out;
      AppendJsonString(&out, value.text);
      return out;
    }
    case JsonValue::Kind::kArray:
      return "[";
    case JsonValue::Kind::kObject:
      return "{";
  }
  return "";
}

absl::Status WrongValue(std::string_view type, std::string_view field, const JsonValue& value) {
  return JsonErrorAt(value.offset,
                     fmt::format("invalid value for {} field {}: {}", type, field, Shown(value)));
}

// A value that should have been an object.
absl::Status UnexpectedToken(const JsonValue& value) {
  return JsonSyntaxErrorAt(value.offset, fmt::format("unexpected token {}", Shown(value)));
}

Field StringField(std::string_view camel, std::string_view snake,
                  std::function<void(const std::string&)> set) {
  return {camel, snake, [camel, set = std::move(set)](const JsonValue& value) -> absl::Status {
            if (!value.is_string()) return WrongValue("string", camel, value);
            set(value.text);
            return absl::OkStatus();
          }};
}

Field Uint32Field(std::string_view camel, std::string_view snake,
                  std::function<void(std::uint32_t)> set) {
  return {camel, snake, [camel, set = std::move(set)](const JsonValue& value) -> absl::Status {
            const auto number = ToUint32(value);
            if (!number) return WrongValue("uint32", camel, value);
            set(*number);
            return absl::OkStatus();
          }};
}

absl::Status ReadConstant(const JsonValue& json, JobFailurePolicyConstant* constant) {
  if (!json.is_object()) return UnexpectedToken(json);
  const auto read_interval = [constant](const JsonValue& value) -> absl::Status {
    const auto interval =
        value.is_string() ? ParseDurationText(value.text) : std::optional<SecondsNanos>();
    if (!interval) return WrongValue("google.protobuf.Duration", "interval", value);
    constant->mutable_interval()->set_seconds(interval->seconds);
    constant->mutable_interval()->set_nanos(interval->nanos);
    return absl::OkStatus();
  };
  return ReadFields(json, {{"interval", "interval", read_interval},
                           Uint32Field("maxRetries", "max_retries", [constant](std::uint32_t n) {
                             constant->set_max_retries(n);
                           })});
}

absl::Status ReadFailurePolicy(const JsonValue& json, JobFailurePolicy* policy) {
  if (!json.is_object()) return UnexpectedToken(json);
  const auto second = [policy](const JsonValue& value) {
    return policy->policy_case() == JobFailurePolicy::POLICY_NOT_SET
               ? absl::OkStatus()
               : JsonErrorAt(value.key_offset, "failurePolicy has both \"drop\" and \"constant\"");
  };
  const auto read_drop = [policy, second](const JsonValue& value) -> absl::Status {
    if (auto status = second(value); !status.ok()) return status;
    if (!value.is_object()) return UnexpectedToken(value);
    policy->mutable_drop();
    return absl::OkStatus();
  };
  const auto read_constant = [policy, second](const JsonValue& value) -> absl::Status {
    if (auto status = second(value); !status.ok()) return status;
    return ReadConstant(value, policy->mutable_constant());
  };
  return ReadFields(json, {{"drop", "drop", read_drop}, {"constant", "constant", read_constant}});
}

absl::Status ReadData(const JsonValue& json, ApiVersion version, Job* job) {
  auto any = version == ApiVersion::kAlpha1 && IsWellKnownPair(json) ? ReadWellKnownPair(json)
                                                                     : JsonToValueAny(json);
  if (!any.ok()) return any.status();
  *job->mutable_data() = *std::move(any);
  return absl::OkStatus();
}

std::vector<Field> JobFields(ApiVersion version, Job* job) {
  return {
      StringField("name", "name", [job](const std::string& text) { job->set_name(text); }),
      StringField("schedule", "schedule",
                  [job](const std::string& text) { job->set_schedule(text); }),
      Uint32Field("repeats", "repeats", [job](std::uint32_t n) { job->set_repeats(n); }),
      StringField("dueTime", "due_time",
                  [job](const std::string& text) { job->set_due_time(text); }),
      StringField("ttl", "ttl", [job](const std::string& text) { job->set_ttl(text); }),
      {"data", "data",
       [version, job](const JsonValue& value) { return ReadData(value, version, job); }, true},
      {"failurePolicy", "failure_policy",
       [job](const JsonValue& value) {
         return ReadFailurePolicy(value, job->mutable_failure_policy());
       }},
  };
}

Field OverwriteField(ScheduleJobRequest* request, bool* seen) {
  return {"overwrite", "overwrite", [request, seen](const JsonValue& value) -> absl::Status {
            if (!value.is_bool()) return WrongValue("bool", "overwrite", value);
            if (*seen) {
              return JsonErrorAt(value.key_offset,
                                 "duplicate field \"overwrite\": inside job and beside it");
            }
            *seen = true;
            request->set_overwrite(value.kind == JsonValue::Kind::kTrue);
            return absl::OkStatus();
          }};
}

// A field of a job that stands beside `job`: it would be ignored, so say so instead.
absl::Status CheckBesideJob(const JsonValue& root) {
  Job ignored;
  for (const Field& field : JobFields(ApiVersion::kV1, &ignored)) {
    for (const auto& [key, value] : root.members) {
      if (key != field.camel && key != field.snake) continue;
      if (value.is_null() && !field.null_is_value) continue;
      return JsonErrorAt(value.key_offset,
                         fmt::format("field \"{}\" beside \"job\": put it inside", key));
    }
  }
  return absl::OkStatus();
}

// The object `job` of the nested form, or null for the flat form.
absl::StatusOr<const JsonValue*> NestedJob(const JsonValue& root) {
  const JsonValue* job = nullptr;
  const auto read_job = [&job](const JsonValue& value) -> absl::Status {
    if (!value.is_object()) return UnexpectedToken(value);
    job = &value;
    return absl::OkStatus();
  };
  if (auto status = ReadFields(root, {{"job", "job", read_job}}); !status.ok()) return status;
  if (job == nullptr) return nullptr;
  if (auto status = CheckBesideJob(root); !status.ok()) return status;
  return job;
}

absl::Status ReadRequest(const JsonValue& root, ApiVersion version, ScheduleJobRequest* request) {
  if (!root.is_object()) return UnexpectedToken(root);
  const auto nested = NestedJob(root);
  if (!nested.ok()) return nested.status();

  bool overwrite_seen = false;
  std::vector<Field> fields = JobFields(version, request->mutable_job());
  fields.push_back(OverwriteField(request, &overwrite_seen));
  if (*nested == nullptr) return ReadFields(root, fields);
  if (auto status = ReadFields(**nested, fields); !status.ok()) return status;
  return ReadFields(root, {OverwriteField(request, &overwrite_seen)});
}

// Appends `"name":` with a comma before it unless it is the first.
void AppendName(std::string_view name, std::string* out) {
  if (out->back() != '{') out->push_back(',');
  AppendJsonString(out, name);
  out->push_back(':');
}

void AppendFailurePolicy(const JobFailurePolicy& policy, std::string* out) {
  out->push_back('{');
  if (policy.has_drop()) {
    out->append("\"drop\":{}");
  } else if (policy.has_constant()) {
    const JobFailurePolicyConstant& constant = policy.constant();
    out->append("\"constant\":{");
    // A duration that cannot be told is left out: there is no other way to show the rest.
    const auto interval =
        DurationText({constant.interval().seconds(), constant.interval().nanos()});
    if (constant.has_interval() && interval) {
      AppendName("interval", out);
      AppendJsonString(out, *interval);
    }
    if (constant.has_max_retries()) {
      AppendName("maxRetries", out);
      fmt::format_to(std::back_inserter(*out), "{}", constant.max_retries());
    }
    out->push_back('}');
  }
  out->push_back('}');
}

}  // namespace

absl::StatusOr<ScheduleJobRequest> ParseScheduleBody(std::string_view body, ApiVersion version) {
  ScheduleJobRequest request;
  if (body.empty()) {
    request.mutable_job();
    return request;
  }
  const auto root = ParseJson(body);
  if (!root.ok()) return root.status();
  if (auto status = ReadRequest(*root, version, &request); !status.ok()) {
    return WithPosition(status, body);
  }
  return request;
}

std::string JobToJson(const Job& job) {
  std::string out = "{";
  const auto append_text = [&out](std::string_view name, bool present, const std::string& text) {
    if (!present) return;
    AppendName(name, &out);
    AppendJsonString(&out, text);
  };
  append_text("name", !job.name().empty(), job.name());
  append_text("schedule", job.has_schedule(), job.schedule());
  if (job.has_repeats()) {
    AppendName("repeats", &out);
    fmt::format_to(std::back_inserter(out), "{}", job.repeats());
  }
  append_text("dueTime", job.has_due_time(), job.due_time());
  append_text("ttl", job.has_ttl(), job.ttl());
  if (job.has_data()) {
    AppendName("data", &out);
    AppendAny(job.data(), &out);
  }
  if (job.has_failure_policy()) {
    AppendName("failurePolicy", &out);
    AppendFailurePolicy(job.failure_policy(), &out);
  }
  out.push_back('}');
  return out;
}

}  // namespace belfry::sidecar
