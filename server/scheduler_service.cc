#include "server/scheduler_service.h"

#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "belfry/storage/v1/records.pb.h"
#include "fmt/format.h"
#include "scheduler/job/job_key.h"
#include "scheduler/job/job_spec.h"
#include "server/grpc_status.h"
#include "server/limits.h"
#include "server/watch_hosts.h"
#include "server/watch_jobs.h"

// About lifetimes: a call's reactor, its request and its response live until the call is finished,
// also when the client has given up, so replies of the loop may keep pointers to them.

namespace belfry::server {
namespace {

namespace pb = dapr::proto::scheduler::v1;

grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* call, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = call->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// The reference shows a refusal of its authorization as a whole status inside of another one.
std::string RefusalText(const absl::Status& status) {
  const std::string message(status.message());
  if (absl::IsInvalidArgument(status)) return message;
  return fmt::format("rpc error: code = {} desc = {}",
                     absl::IsUnauthenticated(status) ? "Unauthenticated" : "PermissionDenied",
                     message);
}

absl::Status BadMetadata(const absl::Status& status, const std::string& text) {
  return absl::Status(status.code(), fmt::format("failed to parse metadata: {}", text));
}

absl::Status JobNotFound(const std::string& name) {
  return absl::NotFoundError(fmt::format("job not found: {}", name));
}

// Where lists are not limited.
absl::Status WithWayOut(const absl::Status& status) {
  constexpr std::string_view kTooLarge = "the list is larger";
  const std::string message(status.message());
  if (!absl::IsResourceExhausted(status) || !message.starts_with(kTooLarge)) return status;
  return absl::ResourceExhaustedError(
      message +
      " (--max-list-bytes); belfry.v1.Admin streams lists of any size: see belfry admin "
      "list and belfry export");
}

template <typename Request>
absl::StatusOr<Request> Parse(grpc::ByteBuffer bytes) {
  Request request;
  if (grpc::SerializationTraits<Request>::Deserialize(&bytes, &request).ok()) return request;
  return absl::InternalError(
      fmt::format("the request is no {}", Request::descriptor()->full_name()));
}

// Hands the pieces over without copying them; each is freed once it has been sent.
grpc::ByteBuffer ToByteBuffer(EncodedList list) {
  std::vector<grpc::Slice> slices;
  for (std::string& piece : std::move(list).TakePieces()) {
    auto* const owned = new std::string(std::move(piece));
    slices.emplace_back(
        owned->data(), owned->size(),
        [](void* string) { delete static_cast<std::string*>(string); }, owned);
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

// Takes room from the budget for as long as the answer is on its way; small ones need none, so that
// large ones that nobody takes cost the others nothing.
absl::Status ReserveAnswer(size_t bytes, net::BudgetedCall* call) {
  return bytes <= kSmallAnswerBytes ? absl::OkStatus() : call->share.GrowTo(bytes);
}

}  // namespace

SchedulerService::SchedulerService(const ServiceContext& context)
    : context_(context), answers_("max-answer-bytes", context.limits.max_answer_bytes) {}

void SchedulerService::SetAddress(std::string address) {
  MutexLock lock(&mutex_);
  address_ = std::move(address);
}

absl::Status SchedulerService::Authorize(const grpc::CallbackServerContext& call,
                                         const pb::JobMetadata& metadata) {
  absl::Status status =
      context_.access->CheckApp(CallerOf(call), metadata.namespace_(), metadata.app_id());
  if (!status.ok()) context_.metrics->SidecarFailed(SidecarError::kAuthFailed);
  return status;
}

grpc::ServerUnaryReactor* SchedulerService::ScheduleJob(grpc::CallbackServerContext* call,
                                                        const pb::ScheduleJobRequest* request,
                                                        pb::ScheduleJobResponse*) {
  const absl::Status allowed = Authorize(*call, request->metadata());
  if (!allowed.ok()) return Refuse(call, allowed);
  const absl::StatusOr<TargetKey> target = ParseTarget(request->metadata());
  if (!target.ok()) return Refuse(call, target.status());
  const TargetKind kind = target->kind;
  ServerMetrics* const metrics = context_.metrics;
  const auto refuse = [&](const absl::Status& status) {
    metrics->JobCreateFailed(kind);
    return Refuse(call, status);
  };

  if (const size_t bytes = request->ByteSizeLong(); bytes > context_.limits.max_job_bytes) {
    return refuse(absl::ResourceExhaustedError(
        fmt::format("job of {} bytes is too large (limit: --max-job-bytes={})", bytes,
                    context_.limits.max_job_bytes)));
  }
  absl::StatusOr<JobKey> key = ParseJobKey(request->metadata(), request->name());
  if (!key.ok()) return refuse(key.status());
  if (!request->has_job()) return refuse(absl::InvalidArgumentError("job is required"));
  absl::StatusOr<JobSpec> spec = ParseJob(request->job(), context_.clock->Now());
  if (!spec.ok()) return refuse(spec.status());

  pb::Job job = request->job();
  FillDefaultFailurePolicy(&job);
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  context_.loop->Schedule(std::move(key).value(), request->metadata(), std::move(job),
                          std::move(spec).value(), request->overwrite(),
                          [reactor, metrics, kind](const absl::Status& status) {
                            if (status.ok()) {
                              metrics->JobCreated(kind);
                            } else {
                              metrics->JobCreateFailed(kind);
                            }
                            reactor->Finish(ToGrpcStatus(status));
                          });
  return reactor;
}

grpc::ServerUnaryReactor* SchedulerService::GetJob(grpc::CallbackServerContext* call,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  absl::StatusOr<pb::GetJobRequest> get = Parse<pb::GetJobRequest>(*request);
  if (!get.ok()) return Refuse(call, get.status());
  const absl::Status allowed = Authorize(*call, get->metadata());
  if (!allowed.ok()) return Refuse(call, allowed);
  absl::StatusOr<JobKey> key = ParseJobKey(get->metadata(), get->name());
  if (!key.ok()) return Refuse(call, key.status());
  auto* const answer = new net::BudgetedCall(&answers_);
  context_.loop->Get(
      std::move(key).value(), [answer, name = std::move(*get->mutable_name()),
                               response](absl::StatusOr<storage::v1::JobRecord> record) {
        absl::Status status = record.status();
        if (absl::IsNotFound(status)) status = JobNotFound(name);
        if (status.ok()) status = ReserveAnswer(record->job().ByteSizeLong(), answer);
        if (!status.ok()) return answer->Finish(ToGrpcStatus(status));
        pb::GetJobResponse got;
        *got.mutable_job() = std::move(*record->mutable_job());
        bool is_ours = false;
        answer->Finish(
            grpc::SerializationTraits<pb::GetJobResponse>::Serialize(got, response, &is_ours));
      });
  return answer;
}

grpc::ServerUnaryReactor* SchedulerService::DeleteJob(grpc::CallbackServerContext* call,
                                                      const pb::DeleteJobRequest* request,
                                                      pb::DeleteJobResponse*) {
  const absl::Status allowed = Authorize(*call, request->metadata());
  if (!allowed.ok()) return Refuse(call, allowed);
  absl::StatusOr<JobKey> key = ParseJobKey(request->metadata(), request->name());
  if (!key.ok()) return Refuse(call, key.status());
  const TargetKind kind = key->target.kind;
  ServerMetrics* const metrics = context_.metrics;
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  context_.loop->Delete(std::move(key).value(),
                        [reactor, metrics, kind](const absl::Status& status) {
                          if (status.ok()) metrics->JobDeleted(kind);
                          reactor->Finish(ToGrpcStatus(status));
                        });
  return reactor;
}

grpc::ServerUnaryReactor* SchedulerService::ListJobs(grpc::CallbackServerContext* call,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  const absl::StatusOr<pb::ListJobsRequest> list = Parse<pb::ListJobsRequest>(*request);
  if (!list.ok()) return Refuse(call, list.status());
  const absl::Status allowed = Authorize(*call, list->metadata());
  if (!allowed.ok()) return Refuse(call, allowed);
  absl::StatusOr<std::string> prefix = ListPrefix(list->metadata());
  if (!prefix.ok()) return Refuse(call, prefix.status());
  auto* const answer = new net::BudgetedCall(&answers_);
  context_.loop->List(std::move(prefix).value(), context_.limits.max_list_bytes,
                      [answer, response](absl::StatusOr<EncodedList> jobs) {
                        absl::Status status = WithWayOut(jobs.status());
                        if (status.ok()) status = ReserveAnswer(jobs->ByteSize(), answer);
                        if (status.ok()) *response = ToByteBuffer(*std::move(jobs));
                        answer->Finish(ToGrpcStatus(status));
                      });
  return answer;
}

grpc::ServerUnaryReactor* SchedulerService::DeletePrefix(
    grpc::CallbackServerContext* call, const pb::JobMetadata& metadata,
    const absl::StatusOr<std::string>& prefix) {
  if (const absl::Status allowed = Authorize(*call, metadata); !allowed.ok()) {
    return Refuse(call, BadMetadata(allowed, RefusalText(allowed)));
  }
  if (!prefix.ok()) {
    return Refuse(call, BadMetadata(prefix.status(), std::string(prefix.status().message())));
  }
  ServerMetrics* const metrics = context_.metrics;
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  context_.loop->DeletePrefix(*prefix, [reactor, metrics](const absl::Status& status) {
    if (status.ok()) metrics->BulkDeleted();
    reactor->Finish(ToGrpcStatus(status));
  });
  return reactor;
}

grpc::ServerUnaryReactor* SchedulerService::DeleteByMetadata(
    grpc::CallbackServerContext* call, const pb::DeleteByMetadataRequest* request,
    pb::DeleteByMetadataResponse*) {
  return DeletePrefix(call, request->metadata(),
                      MetadataPrefix(request->metadata(), request->id_prefix_match()));
}

grpc::ServerUnaryReactor* SchedulerService::DeleteByNamePrefix(
    grpc::CallbackServerContext* call, const pb::DeleteByNamePrefixRequest* request,
    pb::DeleteByNamePrefixResponse*) {
  return DeletePrefix(call, request->metadata(),
                      NamePrefix(request->metadata(), request->name_prefix()));
}

grpc::ServerBidiReactor<pb::WatchJobsRequest, pb::WatchJobsResponse>* SchedulerService::WatchJobs(
    grpc::CallbackServerContext* call) {
  return StartWatchJobs(context_, CallerOf(*call));
}

grpc::ServerWriteReactor<pb::WatchHostsResponse>* SchedulerService::WatchHosts(
    grpc::CallbackServerContext*, const pb::WatchHostsRequest*) {
  MutexLock lock(&mutex_);
  return StartWatchHosts(address_, context_.streams);
}

}  // namespace belfry::server
