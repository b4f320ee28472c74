#include "client/sidecar/job_messages.h"

namespace belfry::sidecar {
namespace {

// The fields that both messages have under the same names.
template <typename From, typename To>
void CopyFields(const From& from, To* to) {
  if (from.has_schedule()) to->set_schedule(from.schedule());
  if (from.has_repeats()) to->set_repeats(from.repeats());
  if (from.has_due_time()) to->set_due_time(from.due_time());
  if (from.has_ttl()) to->set_ttl(from.ttl());
  if (from.has_data()) *to->mutable_data() = from.data();
  if (from.has_failure_policy()) *to->mutable_failure_policy() = from.failure_policy();
}

}  // namespace

dapr::proto::scheduler::v1::Job ToSchedulerJob(const dapr::proto::runtime::v1::Job& job) {
  dapr::proto::scheduler::v1::Job out;
  CopyFields(job, &out);
  return out;
}

dapr::proto::runtime::v1::Job ToRuntimeJob(const std::string& name,
                                           const dapr::proto::scheduler::v1::Job& job) {
  dapr::proto::runtime::v1::Job out;
  out.set_name(name);
  CopyFields(job, &out);
  return out;
}

}  // namespace belfry::sidecar
