#include "client/cli/job_json.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "client/cli/payload.h"
#include "google/protobuf/util/time_util.h"

namespace belfry {

namespace json = boost::json;
namespace wire = dapr::proto::scheduler::v1;

namespace {

json::object PolicyJson(const dapr::proto::common::v1::JobFailurePolicy& policy) {
  json::object out;
  if (policy.has_drop()) out["drop"] = json::object();
  if (policy.has_constant()) {
    json::object constant;
    if (policy.constant().has_interval()) {
      constant["interval"] =
          google::protobuf::util::TimeUtil::ToString(policy.constant().interval());
    }
    if (policy.constant().has_max_retries()) {
      constant["maxRetries"] = policy.constant().max_retries();
    }
    out["constant"] = std::move(constant);
  }
  return out;
}

}  // namespace

std::string JobLine(std::string_view name, const wire::Job& job) {
  json::object out;
  out["name"] = json::string_view(name.data(), name.size());
  if (job.has_schedule()) out["schedule"] = job.schedule();
  if (job.has_repeats()) out["repeats"] = job.repeats();
  if (job.has_due_time()) out["dueTime"] = job.due_time();
  if (job.has_ttl()) out["ttl"] = job.ttl();
  if (job.has_data()) out["data"] = PayloadJson(job.data());
  if (job.has_failure_policy()) out["failurePolicy"] = PolicyJson(job.failure_policy());
  return json::serialize(out);
}

std::string TriggerLine(const wire::WatchJobsResponse& trigger) {
  json::object out;
  out["name"] = trigger.name();
  if (trigger.has_data()) out["data"] = PayloadJson(trigger.data());
  return json::serialize(out);
}

}  // namespace belfry
