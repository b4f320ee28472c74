// Lines of JSON back to exported jobs.

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <functional>
#include <limits>
#include <map>

#include "absl/strings/escaping.h"
#include "client/cli/export_line.h"
#include "client/cli/unknown_fields.h"
#include "google/protobuf/util/time_util.h"

namespace belfry {

namespace json = boost::json;
using google::protobuf::util::TimeUtil;

namespace {

absl::Status Invalid(const std::string& field, const std::string& what) {
  return absl::InvalidArgumentError(field + ": " + what);
}

// What takes one value; the first argument is the field's full name, for messages.
using Setter = std::function<absl::Status(const std::string& field, const json::value& value)>;
using Setters = std::map<std::string, Setter, std::less<>>;

// Calls the setter of each field. `name` is the object's own, with a dot, or empty.
absl::Status SetFields(const std::string& name, const json::value& value, const Setters& setters) {
  const json::object* object = value.if_object();
  if (object == nullptr) return Invalid(name.empty() ? "line" : name, "not a JSON object");
  const std::string prefix = name.empty() ? "" : name + ".";
  for (const auto& [key, item] : *object) {
    const std::string field = prefix + std::string(key);
    const auto setter = setters.find(std::string_view(key.data(), key.size()));
    if (setter == setters.end()) return Invalid(field, "no such field");
    if (absl::Status status = setter->second(field, item); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Text(const std::string& field, const json::value& value) {
  const json::string* text = value.if_string();
  if (text == nullptr) return Invalid(field, "not a text");
  return std::string(text->data(), text->size());
}

absl::StatusOr<std::string> Bytes(const std::string& field, const json::value& value) {
  auto text = Text(field, value);
  std::string bytes;
  if (!text.ok()) return text.status();
  if (!absl::Base64Unescape(*text, &bytes)) return Invalid(field, "not base64");
  return bytes;
}

// Takes a text.
template <typename Set>
Setter TextTo(Set set) {
  return [set](const std::string& field, const json::value& value) {
    auto text = Text(field, value);
    if (text.ok()) set(*std::move(text));
    return text.status();
  };
}

template <typename Set>
Setter BytesTo(Set set) {
  return [set](const std::string& field, const json::value& value) {
    auto bytes = Bytes(field, value);
    if (bytes.ok()) set(*std::move(bytes));
    return bytes.status();
  };
}

template <typename Set>
Setter NumberTo(Set set) {
  return [set](const std::string& field, const json::value& value) {
    boost::system::error_code error;
    const auto number = value.to_number<uint32_t>(error);
    if (error) return Invalid(field, "not a whole number from 0 to 4294967295");
    set(number);
    return absl::OkStatus();
  };
}

// `mutable_time` makes the message that gets an instant or a duration.
template <typename MakeTime>
Setter TimeTo(MakeTime mutable_time) {
  return [mutable_time](const std::string& field, const json::value& value) {
    auto text = Text(field, value);
    if (!text.ok()) return text.status();
    if (TimeUtil::FromString(*text, mutable_time())) return absl::OkStatus();
    return Invalid(field, "\"" + *text + "\" is not as export prints it");
  };
}

// Takes an object; `begin` is called before its fields are.
template <typename Begin>
Setter ObjectTo(Begin begin, Setters setters) {
  return [begin, setters = std::move(setters)](const std::string& field, const json::value& value) {
    begin();
    return SetFields(field, value, setters);
  };
}

Setters PolicySetters(dapr::proto::scheduler::v1::Job* job) {
  const auto policy = [job] { return job->mutable_failure_policy(); };
  const auto constant = [policy] { return policy()->mutable_constant(); };
  return {
      {"drop", ObjectTo([policy] { policy()->mutable_drop(); }, {})},
      {"constant",
       ObjectTo(
           [constant] { constant(); },
           {{"interval", TimeTo([constant] { return constant()->mutable_interval(); })},
            {"maxRetries", NumberTo([constant](uint32_t n) { constant()->set_max_retries(n); })}})},
  };
}

Setters CounterSetters(v1::ExportedJob* job) {
  const auto counter = [job] { return job->mutable_counter(); };
  return {
      {"count", NumberTo([counter](uint32_t n) { counter()->set_count(n); })},
      {"lastTrigger", TimeTo([counter] { return counter()->mutable_last_trigger(); })},
      {"attempts", NumberTo([counter](uint32_t n) { counter()->set_attempts(n); })},
      {"tick", TimeTo([counter] { return counter()->mutable_tick(); })},
      {"nextDue", TimeTo([counter] { return counter()->mutable_next_due(); })},
  };
}

void AddMetadataSetters(v1::ExportedJob* out, Setters* setters) {
  auto* metadata = out->mutable_metadata();
  const auto actor = [metadata] { return metadata->mutable_target()->mutable_actor(); };
  (*setters)["namespace"] = TextTo([=](std::string t) { metadata->set_namespace_(std::move(t)); });
  (*setters)["appId"] = TextTo([=](std::string t) { metadata->set_app_id(std::move(t)); });
  (*setters)["actor"] =
      ObjectTo([actor] { actor(); },
               {{"type", TextTo([actor](std::string t) { actor()->set_type(std::move(t)); })},
                {"id", TextTo([actor](std::string t) { actor()->set_id(std::move(t)); })}});
  (*setters)["concurrencyKey"] =
      TextTo([=](std::string t) { metadata->set_concurrency_key(std::move(t)); });
}

void AddJobSetters(v1::ExportedJob* out, Setters* setters) {
  auto* job = out->mutable_job();
  (*setters)["schedule"] = TextTo([=](std::string t) { job->set_schedule(std::move(t)); });
  (*setters)["repeats"] = NumberTo([=](uint32_t n) { job->set_repeats(n); });
  (*setters)["dueTime"] = TextTo([=](std::string t) { job->set_due_time(std::move(t)); });
  (*setters)["ttl"] = TextTo([=](std::string t) { job->set_ttl(std::move(t)); });
  (*setters)["failurePolicy"] =
      ObjectTo([=] { job->mutable_failure_policy(); }, PolicySetters(job));
  (*setters)["data"] = ObjectTo(
      [=] { job->mutable_data(); },
      {{"typeUrl", TextTo([=](std::string t) { job->mutable_data()->set_type_url(std::move(t)); })},
       {"value", BytesTo([=](std::string b) { job->mutable_data()->set_value(std::move(b)); })}});
}

// Unknown fields go into messages that the other fields have made, so they come last.
absl::Status SetUnknownFields(const json::object& line, v1::ExportedJob* job) {
  const json::value* value = line.if_contains("unknownFields");
  if (value == nullptr) return absl::OkStatus();
  const json::object* object = value->if_object();
  if (object == nullptr) return Invalid("unknownFields", "not a JSON object");
  for (const auto& [key, item] : *object) {
    const std::string path(key);
    const std::string field = "unknownFields." + path;
    auto bytes = Bytes(field, item);
    if (!bytes.ok()) return bytes.status();
    if (!AddUnknownFields(path, *bytes, job)) return Invalid(field, "nothing that it could be of");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::ExportedJob> ParseExportLine(std::string_view line) {
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(line.data(), line.size()), error);
  if (error) return Invalid("line", "not JSON: " + error.message());
  v1::ExportedJob job;
  Setters setters = {
      {"name", TextTo([&](std::string t) { job.set_name(std::move(t)); })},
      {"begin", TimeTo([&] { return job.mutable_begin(); })},
      {"expiration", TimeTo([&] { return job.mutable_expiration(); })},
      {"firstDue", TimeTo([&] { return job.mutable_first_due(); })},
      {"counter", ObjectTo([&] { job.mutable_counter(); }, CounterSetters(&job))},
      {"unknownFields", [](const std::string&, const json::value&) { return absl::OkStatus(); }},
  };
  AddMetadataSetters(&job, &setters);
  AddJobSetters(&job, &setters);
  if (absl::Status status = SetFields("", value, setters); !status.ok()) return status;
  auto* target = job.mutable_metadata()->mutable_target();
  if (!target->has_actor()) target->mutable_job();
  if (absl::Status status = SetUnknownFields(value.get_object(), &job); !status.ok()) return status;
  return job;
}

}  // namespace belfry
