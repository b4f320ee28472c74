#include "belfry/client.h"

#include <utility>

#include "client/src/retry.h"

namespace belfry {

namespace wire = dapr::proto::scheduler::v1;

namespace {

wire::JobMetadata AppMetadata(const ClientOptions& options) {
  wire::JobMetadata metadata;
  metadata.set_app_id(options.app_id);
  metadata.set_namespace_(options.ns);
  metadata.mutable_target()->mutable_job();
  return metadata;
}

wire::ScheduleJobRequest MakeRequest(const ClientOptions& options, std::string_view name,
                                     const wire::Job& job, bool overwrite) {
  wire::ScheduleJobRequest request;
  request.set_name(std::string(name));
  *request.mutable_job() = job;
  *request.mutable_metadata() = AppMetadata(options);
  request.set_overwrite(overwrite);
  return request;
}

}  // namespace

Client::Client(ClientOptions options)
    : Client(options, MakeGrpcConnection(options.addresses, options.tls), RetryTime{}) {}

Client::Client(ClientOptions options, std::shared_ptr<Connection> connection, RetryTime time)
    : options_(std::move(options)), connection_(std::move(connection)), time_(std::move(time)) {}

absl::Status Client::Schedule(std::string_view name, const wire::Job& job, bool overwrite) {
  const wire::ScheduleJobRequest request = MakeRequest(options_, name, job, overwrite);
  return client::RetryCancelled(options_.call_timeout, time_, [&](absl::Duration left) {
    return connection_->ScheduleJob(request, left);
  });
}

bool Client::StartSchedule(std::string_view name, const wire::Job& job, bool overwrite,
                           Connection::Done done) {
  return connection_->StartScheduleJob(MakeRequest(options_, name, job, overwrite),
                                       options_.call_timeout, std::move(done));
}

absl::StatusOr<wire::Job> Client::Get(std::string_view name) {
  wire::GetJobRequest request;
  request.set_name(std::string(name));
  *request.mutable_metadata() = AppMetadata(options_);
  absl::StatusOr<wire::GetJobResponse> response;
  const absl::Status status =
      client::RetryCancelled(options_.call_timeout, time_, [&](absl::Duration left) {
        response = connection_->GetJob(request, left);
        return response.status();
      });
  if (!status.ok()) return status;
  return std::move(*response->mutable_job());
}

absl::Status Client::Delete(std::string_view name) {
  wire::DeleteJobRequest request;
  request.set_name(std::string(name));
  *request.mutable_metadata() = AppMetadata(options_);
  return client::RetryCancelled(options_.call_timeout, time_, [&](absl::Duration left) {
    return connection_->DeleteJob(request, left);
  });
}

absl::StatusOr<std::vector<wire::NamedJob>> Client::List() {
  wire::ListJobsRequest request;
  *request.mutable_metadata() = AppMetadata(options_);
  absl::StatusOr<wire::ListJobsResponse> response;
  const absl::Status status =
      client::RetryCancelled(options_.call_timeout, time_, [&](absl::Duration left) {
        response = connection_->ListJobs(request, left);
        return response.status();
      });
  if (!status.ok()) return status;
  std::vector<wire::NamedJob> jobs;
  jobs.reserve(static_cast<size_t>(response->jobs_size()));
  for (wire::NamedJob& job : *response->mutable_jobs()) jobs.push_back(std::move(job));
  return jobs;
}

absl::Status Client::DeletePrefix(std::string_view name_prefix) {
  wire::DeleteByNamePrefixRequest request;
  request.set_name_prefix(std::string(name_prefix));
  *request.mutable_metadata() = AppMetadata(options_);
  return client::RetryCancelled(options_.call_timeout, time_, [&](absl::Duration left) {
    return connection_->DeleteByNamePrefix(request, left);
  });
}

}  // namespace belfry
