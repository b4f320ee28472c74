#include "tests/integration/scheduler_client.h"

#include "google/protobuf/wrappers.pb.h"
#include "grpcpp/client_context.h"
#include "tests/integration/eventually.h"
#include "tests/integration/scheduler_process.h"

namespace belfry::integration {

namespace pb = dapr::proto::scheduler::v1;

namespace {

constexpr int kMsPerSecond = 1000;
constexpr int kNsPerMs = 1000 * 1000;

class LimitedContext : public grpc::ClientContext {
 public:
  LimitedContext() {
    set_deadline(std::chrono::system_clock::now() + kWaitLimit);
    // A scheduler that is being restarted is waited for. Calls that fail at once would also leave
    // the new connection half made: in a program like this gRPC makes progress only while a call
    // waits.
    set_wait_for_ready(true);
  }
};

}  // namespace

pb::JobMetadata AppMetadata(const std::string& app_id, const std::string& ns) {
  pb::JobMetadata metadata;
  metadata.set_namespace_(ns);
  metadata.set_app_id(app_id);
  metadata.mutable_target()->mutable_job();
  return metadata;
}

pb::JobMetadata ActorMetadata(const std::string& type, const std::string& id) {
  pb::JobMetadata metadata = AppMetadata();
  metadata.mutable_target()->mutable_actor()->set_type(type);
  metadata.mutable_target()->mutable_actor()->set_id(id);
  return metadata;
}

pb::Job DueIn(const std::string& due_time) {
  pb::Job job;
  job.set_due_time(due_time);
  return job;
}

pb::Job Recurring(const std::string& schedule) {
  pb::Job job;
  job.set_schedule(schedule);
  return job;
}

pb::Job WithText(pb::Job job, const std::string& text) {
  google::protobuf::StringValue value;
  value.set_value(text);
  job.mutable_data()->PackFrom(value);
  return job;
}

pb::Job WithRetries(pb::Job job, uint32_t max_retries, int interval_ms) {
  auto* constant = job.mutable_failure_policy()->mutable_constant();
  constant->set_max_retries(max_retries);
  constant->mutable_interval()->set_seconds(interval_ms / kMsPerSecond);
  constant->mutable_interval()->set_nanos(interval_ms % kMsPerSecond * kNsPerMs);
  return job;
}

pb::Job WithDrop(pb::Job job) {
  job.mutable_failure_policy()->mutable_drop();
  return job;
}

SchedulerClient::SchedulerClient(const std::string& scheduler)
    : stub_(NewSchedulerStub(scheduler)) {}

grpc::Status SchedulerClient::Schedule(const std::string& name, const Job& job,
                                       const Metadata& metadata, bool overwrite) {
  LimitedContext context;
  pb::ScheduleJobRequest request;
  request.set_name(name);
  *request.mutable_job() = job;
  *request.mutable_metadata() = metadata;
  request.set_overwrite(overwrite);
  pb::ScheduleJobResponse response;
  return stub_->ScheduleJob(&context, request, &response);
}

grpc::Status SchedulerClient::Get(const std::string& name, const Metadata& metadata, Job* job) {
  LimitedContext context;
  pb::GetJobRequest request;
  request.set_name(name);
  *request.mutable_metadata() = metadata;
  pb::GetJobResponse response;
  const grpc::Status status = stub_->GetJob(&context, request, &response);
  if (job != nullptr) *job = response.job();
  return status;
}

grpc::Status SchedulerClient::Delete(const std::string& name, const Metadata& metadata) {
  LimitedContext context;
  pb::DeleteJobRequest request;
  request.set_name(name);
  *request.mutable_metadata() = metadata;
  pb::DeleteJobResponse response;
  return stub_->DeleteJob(&context, request, &response);
}

grpc::Status SchedulerClient::List(const Metadata& metadata, std::vector<pb::NamedJob>* jobs) {
  LimitedContext context;
  pb::ListJobsRequest request;
  *request.mutable_metadata() = metadata;
  pb::ListJobsResponse response;
  const grpc::Status status = stub_->ListJobs(&context, request, &response);
  jobs->assign(response.jobs().begin(), response.jobs().end());
  return status;
}

grpc::Status SchedulerClient::DeleteByMetadata(const Metadata& metadata, bool id_prefix_match) {
  LimitedContext context;
  pb::DeleteByMetadataRequest request;
  *request.mutable_metadata() = metadata;
  request.set_id_prefix_match(id_prefix_match);
  pb::DeleteByMetadataResponse response;
  return stub_->DeleteByMetadata(&context, request, &response);
}

grpc::Status SchedulerClient::DeleteByNamePrefix(const Metadata& metadata,
                                                 const std::string& prefix) {
  LimitedContext context;
  pb::DeleteByNamePrefixRequest request;
  *request.mutable_metadata() = metadata;
  request.set_name_prefix(prefix);
  pb::DeleteByNamePrefixResponse response;
  return stub_->DeleteByNamePrefix(&context, request, &response);
}

bool SchedulerClient::Has(const std::string& name, const Metadata& metadata) {
  return Get(name, metadata).error_code() != grpc::StatusCode::NOT_FOUND;
}

std::vector<std::string> SchedulerClient::Names(const Metadata& metadata) {
  std::vector<pb::NamedJob> jobs;
  const grpc::Status status = List(metadata, &jobs);
  std::vector<std::string> names;
  if (!status.ok()) names.push_back("ListJobs failed: " + status.error_message());
  for (const pb::NamedJob& job : jobs) names.push_back(job.name());
  return names;
}

}  // namespace belfry::integration
