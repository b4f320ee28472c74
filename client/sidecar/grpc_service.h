#pragma once

// The gRPC API.

#include <cstddef>
#include <functional>
#include <string>

#include "client/net/budgeted_call.h"
#include "client/net/byte_budget.h"
#include "client/sidecar/jobs_api.h"
#include "client/sidecar/metadata.h"
#include "dapr/proto/runtime/v1/dapr.grpc.pb.h"

namespace belfry::sidecar {

// The Jobs part of dapr.proto.runtime.v1.Dapr.
class GrpcService final : public dapr::proto::runtime::v1::Dapr::CallbackService {
 public:
  // Calls must carry `api_token` unless it is empty. `shutdown` is called for Shutdown; it must not
  // block. Requests and answers of jobs in memory have their bytes of `budget`, unless it is null.
  // All references must outlive this object, and `budget` the server.
  GrpcService(JobsApi& jobs, Metadata& metadata, std::string api_token,
              std::function<void()> shutdown, net::ByteBudget* budget = nullptr);

 private:
  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  template <typename Request>
  using In = const Request*;

  Reactor* GetMetadata(Context* context, In<dapr::proto::runtime::v1::GetMetadataRequest> request,
                       dapr::proto::runtime::v1::GetMetadataResponse* response) override;
  Reactor* SetMetadata(Context* context, In<dapr::proto::runtime::v1::SetMetadataRequest> request,
                       google::protobuf::Empty* response) override;
  Reactor* Shutdown(Context* context, In<dapr::proto::runtime::v1::ShutdownRequest> request,
                    google::protobuf::Empty* response) override;

  Reactor* ScheduleJob(Context* context, In<dapr::proto::runtime::v1::ScheduleJobRequest> request,
                       dapr::proto::runtime::v1::ScheduleJobResponse* response) override;
  Reactor* ScheduleJobAlpha1(Context* context,
                             In<dapr::proto::runtime::v1::ScheduleJobRequest> request,
                             dapr::proto::runtime::v1::ScheduleJobResponse* response) override;
  Reactor* GetJob(Context* context, In<dapr::proto::runtime::v1::GetJobRequest> request,
                  dapr::proto::runtime::v1::GetJobResponse* response) override;
  Reactor* GetJobAlpha1(Context* context, In<dapr::proto::runtime::v1::GetJobRequest> request,
                        dapr::proto::runtime::v1::GetJobResponse* response) override;
  Reactor* DeleteJob(Context* context, In<dapr::proto::runtime::v1::DeleteJobRequest> request,
                     dapr::proto::runtime::v1::DeleteJobResponse* response) override;
  Reactor* DeleteJobAlpha1(Context* context, In<dapr::proto::runtime::v1::DeleteJobRequest> request,
                           dapr::proto::runtime::v1::DeleteJobResponse* response) override;
  Reactor* DeleteJobsByPrefix(
      Context* context, In<dapr::proto::runtime::v1::DeleteJobsByPrefixRequest> request,
      dapr::proto::runtime::v1::DeleteJobsByPrefixResponse* response) override;
  Reactor* DeleteJobsByPrefixAlpha1(
      Context* context, In<dapr::proto::runtime::v1::DeleteJobsByPrefixRequestAlpha1> request,
      dapr::proto::runtime::v1::DeleteJobsByPrefixResponseAlpha1* response) override;
  Reactor* ListJobs(Context* context, In<dapr::proto::runtime::v1::ListJobsRequest> request,
                    dapr::proto::runtime::v1::ListJobsResponse* response) override;
  Reactor* ListJobsAlpha1(Context* context,
                          In<dapr::proto::runtime::v1::ListJobsRequestAlpha1> request,
                          dapr::proto::runtime::v1::ListJobsResponseAlpha1* response) override;

  // What both RPCs of a pair do with different messages.
  Reactor* DeletePrefix(Context* context, const std::string& prefix, std::size_t request_bytes);
  template <typename Response>
  Reactor* List(Context* context, Response* response);

  // Whether a call with such a request may go on; otherwise it has been answered.
  bool Begin(Context* context, std::size_t request_bytes, net::BudgetedCall* call) const;

  // Whether the call may go on; otherwise it has been answered.
  bool Authorize(Context* context, Reactor* reactor) const;

  JobsApi& jobs_;
  Metadata& metadata_;
  const std::string api_token_;
  const std::function<void()> shutdown_;
  net::ByteBudget* const budget_;
};

}  // namespace belfry::sidecar
