#include "client/cli/export_line.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "absl/strings/escaping.h"
#include "client/cli/unknown_fields.h"
#include "google/protobuf/util/time_util.h"

namespace belfry {

namespace json = boost::json;
using google::protobuf::util::TimeUtil;

namespace {

json::string Base64(std::string_view bytes) {
  std::string text;
  absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()), &text);
  return json::string(text);
}

json::object PolicyJson(const dapr::proto::common::v1::JobFailurePolicy& policy) {
  json::object out;
  if (policy.has_drop()) out["drop"] = json::object();
  if (!policy.has_constant()) return out;
  json::object constant;
  if (policy.constant().has_interval()) {
    constant["interval"] = TimeUtil::ToString(policy.constant().interval());
  }
  if (policy.constant().has_max_retries()) {
    constant["maxRetries"] = policy.constant().max_retries();
  }
  out["constant"] = std::move(constant);
  return out;
}

json::object CounterJson(const v1::JobCounter& counter) {
  json::object out;
  out["count"] = counter.count();
  if (counter.has_last_trigger()) out["lastTrigger"] = TimeUtil::ToString(counter.last_trigger());
  out["attempts"] = counter.attempts();
  if (counter.has_tick()) out["tick"] = TimeUtil::ToString(counter.tick());
  if (counter.has_next_due()) out["nextDue"] = TimeUtil::ToString(counter.next_due());
  return out;
}

void AddMetadata(const dapr::proto::scheduler::v1::JobMetadata& metadata, json::object* out) {
  (*out)["namespace"] = metadata.namespace_();
  (*out)["appId"] = metadata.app_id();
  if (metadata.target().has_actor()) {
    json::object actor;
    actor["type"] = metadata.target().actor().type();
    actor["id"] = metadata.target().actor().id();
    (*out)["actor"] = std::move(actor);
  }
}

void AddJob(const dapr::proto::scheduler::v1::Job& job, json::object* out) {
  if (job.has_schedule()) (*out)["schedule"] = job.schedule();
  if (job.has_repeats()) (*out)["repeats"] = job.repeats();
  if (job.has_due_time()) (*out)["dueTime"] = job.due_time();
  if (job.has_ttl()) (*out)["ttl"] = job.ttl();
  if (job.has_failure_policy()) (*out)["failurePolicy"] = PolicyJson(job.failure_policy());
  if (!job.has_data()) return;
  json::object data;
  data["typeUrl"] = job.data().type_url();
  data["value"] = Base64(job.data().value());
  (*out)["data"] = std::move(data);
}

}  // namespace

std::string ExportLine(const v1::ExportedJob& job) {
  json::object out;
  AddMetadata(job.metadata(), &out);
  out["name"] = job.name();
  if (job.metadata().has_concurrency_key()) {
    out["concurrencyKey"] = job.metadata().concurrency_key();
  }
  AddJob(job.job(), &out);
  if (job.has_begin()) out["begin"] = TimeUtil::ToString(job.begin());
  if (job.has_expiration()) out["expiration"] = TimeUtil::ToString(job.expiration());
  if (job.has_first_due()) out["firstDue"] = TimeUtil::ToString(job.first_due());
  if (job.has_counter()) out["counter"] = CounterJson(job.counter());
  json::object unknown;
  for (const auto& [path, bytes] : TakeUnknownFields(job)) unknown[path] = Base64(bytes);
  if (!unknown.empty()) out["unknownFields"] = std::move(unknown);
  return json::serialize(out);
}

}  // namespace belfry
