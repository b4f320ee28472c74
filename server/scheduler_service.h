#pragma once

// SchedulerService: the RPCs of dapr.proto.scheduler.v1.Scheduler. Requests are validated on
// gRPC's threads and submitted to the loop, whose reply ends the call; no thread waits.

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/net/budgeted_call.h"
#include "client/net/byte_budget.h"
#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "scheduler/base/mutex.h"
#include "server/service_context.h"

namespace belfry::server {

// GetJob and ListJobs are answered in bytes: their answers may be large, and those that wait for
// their clients are not held decoded as well.
class SchedulerService final
    : public dapr::proto::scheduler::v1::Scheduler::WithRawCallbackMethod_GetJob<
          dapr::proto::scheduler::v1::Scheduler::WithRawCallbackMethod_ListJobs<
              dapr::proto::scheduler::v1::Scheduler::CallbackService>> {
 public:
  explicit SchedulerService(const ServiceContext& context);

  // What WatchHosts tells: host:port. Known only once the port is bound, so the first moments of a
  // server's life answer WatchHosts with Unavailable. Any thread.
  void SetAddress(std::string address);

  grpc::ServerUnaryReactor* ScheduleJob(
      grpc::CallbackServerContext* call,
      const dapr::proto::scheduler::v1::ScheduleJobRequest* request,
      dapr::proto::scheduler::v1::ScheduleJobResponse* response) override;

  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* call,
                                   const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* DeleteJob(
      grpc::CallbackServerContext* call,
      const dapr::proto::scheduler::v1::DeleteJobRequest* request,
      dapr::proto::scheduler::v1::DeleteJobResponse* response) override;

  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* call,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;

  grpc::ServerUnaryReactor* DeleteByMetadata(
      grpc::CallbackServerContext* call,
      const dapr::proto::scheduler::v1::DeleteByMetadataRequest* request,
      dapr::proto::scheduler::v1::DeleteByMetadataResponse* response) override;

  grpc::ServerUnaryReactor* DeleteByNamePrefix(
      grpc::CallbackServerContext* call,
      const dapr::proto::scheduler::v1::DeleteByNamePrefixRequest* request,
      dapr::proto::scheduler::v1::DeleteByNamePrefixResponse* response) override;

  grpc::ServerBidiReactor<dapr::proto::scheduler::v1::WatchJobsRequest,
                          dapr::proto::scheduler::v1::WatchJobsResponse>*
  WatchJobs(grpc::CallbackServerContext* call) override;

  grpc::ServerWriteReactor<dapr::proto::scheduler::v1::WatchHostsResponse>* WatchHosts(
      grpc::CallbackServerContext* call,
      const dapr::proto::scheduler::v1::WatchHostsRequest* request) override;

 private:
  // Whether the caller may work with the jobs that a request is about; one that may not is counted.
  absl::Status Authorize(const grpc::CallbackServerContext& call,
                         const dapr::proto::scheduler::v1::JobMetadata& metadata);
  // Deletes what `prefix` covers, or ends the call with its error.
  grpc::ServerUnaryReactor* DeletePrefix(grpc::CallbackServerContext* call,
                                         const dapr::proto::scheduler::v1::JobMetadata& metadata,
                                         const absl::StatusOr<std::string>& prefix);

  const ServiceContext context_;
  net::ByteBudget answers_;
  Mutex mutex_;
  std::string address_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace belfry::server
