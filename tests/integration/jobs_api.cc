#include "tests/integration/jobs_api.h"

#include "grpcpp/client_context.h"
#include "tests/integration/eventually.h"

namespace belfry::integration {

namespace pb = dapr::proto::runtime::v1;

namespace {

// Calls one of two methods of the same form.
template <typename Request, typename Response>
grpc::Status Call(pb::Dapr::Stub* stub,
                  grpc::Status (pb::Dapr::Stub::*method)(grpc::ClientContext*, const Request&,
                                                         Response*),
                  const Request& request, Response* response) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
  return (stub->*method)(&context, request, response);
}

}  // namespace

grpc::Status JobsApi::Schedule(const Job& job, bool overwrite) {
  pb::ScheduleJobRequest request;
  *request.mutable_job() = job;
  request.set_overwrite(overwrite);
  pb::ScheduleJobResponse response;
  return Call(stub_,
              names_ == RpcNames::kAlpha1 ? &pb::Dapr::Stub::ScheduleJobAlpha1
                                          : &pb::Dapr::Stub::ScheduleJob,
              request, &response);
}

grpc::Status JobsApi::Get(const std::string& name, Job* job) {
  pb::GetJobRequest request;
  request.set_name(name);
  pb::GetJobResponse response;
  const grpc::Status status = Call(
      stub_, names_ == RpcNames::kAlpha1 ? &pb::Dapr::Stub::GetJobAlpha1 : &pb::Dapr::Stub::GetJob,
      request, &response);
  if (job != nullptr) *job = response.job();
  return status;
}

grpc::Status JobsApi::Delete(const std::string& name) {
  pb::DeleteJobRequest request;
  request.set_name(name);
  pb::DeleteJobResponse response;
  return Call(
      stub_,
      names_ == RpcNames::kAlpha1 ? &pb::Dapr::Stub::DeleteJobAlpha1 : &pb::Dapr::Stub::DeleteJob,
      request, &response);
}

grpc::Status JobsApi::DeletePrefix(const std::optional<std::string>& prefix) {
  const auto call = [&](auto method, auto request, auto response) {
    if (prefix.has_value()) request.set_name_prefix(*prefix);
    return Call(stub_, method, request, &response);
  };
  if (names_ == RpcNames::kAlpha1) {
    return call(&pb::Dapr::Stub::DeleteJobsByPrefixAlpha1, pb::DeleteJobsByPrefixRequestAlpha1(),
                pb::DeleteJobsByPrefixResponseAlpha1());
  }
  return call(&pb::Dapr::Stub::DeleteJobsByPrefix, pb::DeleteJobsByPrefixRequest(),
              pb::DeleteJobsByPrefixResponse());
}

grpc::Status JobsApi::List(std::vector<Job>* jobs) {
  const auto call = [&](auto method, auto request, auto response) {
    const grpc::Status status = Call(stub_, method, request, &response);
    jobs->assign(response.jobs().begin(), response.jobs().end());
    return status;
  };
  if (names_ == RpcNames::kAlpha1) {
    return call(&pb::Dapr::Stub::ListJobsAlpha1, pb::ListJobsRequestAlpha1(),
                pb::ListJobsResponseAlpha1());
  }
  return call(&pb::Dapr::Stub::ListJobs, pb::ListJobsRequest(), pb::ListJobsResponse());
}

std::vector<std::string> JobsApi::Names() {
  std::vector<Job> jobs;
  const grpc::Status status = List(&jobs);
  std::vector<std::string> names;
  if (!status.ok()) names.push_back("listing failed: " + status.error_message());
  for (const Job& job : jobs) names.push_back(job.name());
  return names;
}

}  // namespace belfry::integration
