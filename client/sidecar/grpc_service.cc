#include "client/sidecar/grpc_service.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "client/sidecar/grpc_errors.h"
#include "client/sidecar/http_api.h"

namespace belfry::sidecar {

namespace runtime = dapr::proto::runtime::v1;
using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

namespace {

JobsApi::Done FinishCall(ServerUnaryReactor* reactor) {
  return [reactor](const std::optional<ApiError>& error) {
    reactor->Finish(error ? ToGrpcStatus(*error) : grpc::Status::OK);
  };
}

grpc::Status NoRoom(const absl::Status& status) {
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, std::string(status.message())};
}

// Ends a call with an answer of so many bytes, which `take` puts into its place, if there is room.
template <typename Take>
void FinishWith(std::size_t bytes, net::BudgetedCall* call, Take take) {
  const absl::Status room = call->share.GrowTo(bytes);
  if (!room.ok()) return call->Finish(NoRoom(room));
  take();
  call->Finish(grpc::Status::OK);
}

// How long the client will wait for its answer.
absl::Duration TimeLeft(const CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return absl::InfiniteDuration();
  return absl::FromChrono(deadline - std::chrono::system_clock::now());
}

}  // namespace

GrpcService::GrpcService(JobsApi& jobs, Metadata& metadata, std::string api_token,
                         std::function<void()> shutdown, net::ByteBudget* budget)
    : jobs_(jobs),
      metadata_(metadata),
      api_token_(std::move(api_token)),
      shutdown_(std::move(shutdown)),
      budget_(budget) {}

bool GrpcService::Begin(CallbackServerContext* context, std::size_t request_bytes,
                        net::BudgetedCall* call) const {
  if (!Authorize(context, call)) return false;
  const absl::Status room = call->share.GrowTo(request_bytes);
  if (!room.ok()) call->Finish(NoRoom(room));
  return room.ok();
}

bool GrpcService::Authorize(CallbackServerContext* context, ServerUnaryReactor* reactor) const {
  if (api_token_.empty()) return true;
  const auto& metadata = context->client_metadata();
  const auto token = metadata.find("dapr-api-token");
  if (token == metadata.end()) {
    reactor->Finish(UnauthorizedStatus("missing api token in request metadata"));
    return false;
  }
  if (!TokensEqual(std::string_view(token->second.data(), token->second.size()), api_token_)) {
    reactor->Finish(UnauthorizedStatus("authentication error: api token mismatch"));
    return false;
  }
  return true;
}

ServerUnaryReactor* GrpcService::GetMetadata(CallbackServerContext* context,
                                             const runtime::GetMetadataRequest*,
                                             runtime::GetMetadataResponse* response) {
  auto* reactor = context->DefaultReactor();
  if (!Authorize(context, reactor)) return reactor;
  *response = metadata_.Get();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

ServerUnaryReactor* GrpcService::SetMetadata(CallbackServerContext* context,
                                             const runtime::SetMetadataRequest* request,
                                             google::protobuf::Empty*) {
  auto* reactor = context->DefaultReactor();
  if (!Authorize(context, reactor)) return reactor;
  const absl::Status status = metadata_.Set(request->key(), request->value());
  reactor->Finish(
      grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message())));
  return reactor;
}

ServerUnaryReactor* GrpcService::Shutdown(CallbackServerContext* context,
                                          const runtime::ShutdownRequest*,
                                          google::protobuf::Empty*) {
  auto* reactor = context->DefaultReactor();
  if (!Authorize(context, reactor)) return reactor;
  reactor->Finish(grpc::Status::OK);
  shutdown_();
  return reactor;
}

ServerUnaryReactor* GrpcService::ScheduleJob(CallbackServerContext* context,
                                             const runtime::ScheduleJobRequest* request,
                                             runtime::ScheduleJobResponse*) {
  auto* const call = new net::BudgetedCall(budget_);
  if (!Begin(context, request->ByteSizeLong(), call)) return call;
  jobs_.Schedule(*request, FinishCall(call), TimeLeft(*context));
  return call;
}

ServerUnaryReactor* GrpcService::ScheduleJobAlpha1(CallbackServerContext* context,
                                                   const runtime::ScheduleJobRequest* request,
                                                   runtime::ScheduleJobResponse* response) {
  return ScheduleJob(context, request, response);
}

ServerUnaryReactor* GrpcService::GetJob(CallbackServerContext* context,
                                        const runtime::GetJobRequest* request,
                                        runtime::GetJobResponse* response) {
  auto* const call = new net::BudgetedCall(budget_);
  if (!Begin(context, request->ByteSizeLong(), call)) return call;
  jobs_.Get(
      request->name(),
      [call, response](const std::optional<ApiError>& error, runtime::Job job) {
        if (error) return call->Finish(ToGrpcStatus(*error));
        FinishWith(job.ByteSizeLong(), call, [&] { *response->mutable_job() = std::move(job); });
      },
      TimeLeft(*context));
  return call;
}

ServerUnaryReactor* GrpcService::GetJobAlpha1(CallbackServerContext* context,
                                              const runtime::GetJobRequest* request,
                                              runtime::GetJobResponse* response) {
  return GetJob(context, request, response);
}

ServerUnaryReactor* GrpcService::DeleteJob(CallbackServerContext* context,
                                           const runtime::DeleteJobRequest* request,
                                           runtime::DeleteJobResponse*) {
  auto* const call = new net::BudgetedCall(budget_);
  if (!Begin(context, request->ByteSizeLong(), call)) return call;
  jobs_.Delete(request->name(), FinishCall(call), TimeLeft(*context));
  return call;
}

ServerUnaryReactor* GrpcService::DeleteJobAlpha1(CallbackServerContext* context,
                                                 const runtime::DeleteJobRequest* request,
                                                 runtime::DeleteJobResponse* response) {
  return DeleteJob(context, request, response);
}

ServerUnaryReactor* GrpcService::DeletePrefix(CallbackServerContext* context,
                                              const std::string& prefix,
                                              std::size_t request_bytes) {
  auto* const call = new net::BudgetedCall(budget_);
  if (!Begin(context, request_bytes, call)) return call;
  jobs_.DeletePrefix(prefix, FinishCall(call), TimeLeft(*context));
  return call;
}

ServerUnaryReactor* GrpcService::DeleteJobsByPrefix(
    CallbackServerContext* context, const runtime::DeleteJobsByPrefixRequest* request,
    runtime::DeleteJobsByPrefixResponse*) {
  return DeletePrefix(context, request->name_prefix(), request->ByteSizeLong());
}

ServerUnaryReactor* GrpcService::DeleteJobsByPrefixAlpha1(
    CallbackServerContext* context, const runtime::DeleteJobsByPrefixRequestAlpha1* request,
    runtime::DeleteJobsByPrefixResponseAlpha1*) {
  return DeletePrefix(context, request->name_prefix(), request->ByteSizeLong());
}

template <typename Response>
ServerUnaryReactor* GrpcService::List(CallbackServerContext* context, Response* response) {
  auto* const call = new net::BudgetedCall(budget_);
  if (!Begin(context, /*request_bytes=*/0, call)) return call;
  jobs_.List(
      [call, response](const std::optional<ApiError>& error, std::vector<runtime::Job> jobs) {
        if (error) return call->Finish(ToGrpcStatus(*error));
        std::size_t bytes = 0;
        for (const runtime::Job& job : jobs) bytes += job.ByteSizeLong();
        FinishWith(bytes, call, [&] {
          for (runtime::Job& job : jobs) *response->add_jobs() = std::move(job);
        });
      },
      TimeLeft(*context));
  return call;
}

ServerUnaryReactor* GrpcService::ListJobs(CallbackServerContext* context,
                                          const runtime::ListJobsRequest*,
                                          runtime::ListJobsResponse* response) {
  return List(context, response);
}

ServerUnaryReactor* GrpcService::ListJobsAlpha1(CallbackServerContext* context,
                                                const runtime::ListJobsRequestAlpha1*,
                                                runtime::ListJobsResponseAlpha1* response) {
  return List(context, response);
}

}  // namespace belfry::sidecar
