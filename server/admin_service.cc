#include "server/admin_service.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/loop/job_cursor.h"
#include "scheduler/store/quarantine.h"
#include "scheduler/store/record_codec.h"
#include "server/admin_jobs.h"
#include "server/grpc_status.h"
#include "server/importer.h"
#include "server/stall_alarm.h"
#include "spdlog/spdlog.h"

namespace belfry::server {
namespace {

// Asking gRPC whether a call was cancelled costs more than reading a row.
constexpr uint64_t kRowsPerCancelCheck = 1024;

v1::QuarantinedRecord ToMessage(QuarantinedRecord record) {
  v1::QuarantinedRecord out;
  out.set_table(std::move(record.table));
  out.set_key(std::move(record.key));
  out.set_reason(std::move(record.reason));
  out.set_size(record.bytes);
  if (record.time.has_value()) {
    storage::v1::Instant instant;
    EncodeInstant(*record.time, &instant);
    out.mutable_time()->set_seconds(instant.seconds());
    out.mutable_time()->set_nanos(static_cast<int32_t>(instant.nanos()));
  }
  return out;
}

absl::Status CheckOptions(const v1::ImportRequest& request) {
  if (!request.has_options()) return absl::InvalidArgumentError("options must come first");
  const v1::ConflictRule rule = request.options().on_conflict();
  if (rule != v1::CONFLICT_RULE_UNSPECIFIED && v1::ConflictRule_IsValid(rule)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("options: on_conflict {} is no rule", static_cast<int>(rule)));
}

// Ends a stream with the status of its call.
template <typename Stream>
auto Ending(Stream* stream) {
  return [stream](const grpc::Status& status) { stream->End(status); };
}

}  // namespace

grpc::Status AuthorizeAll(const grpc::ServerContextBase&) { return grpc::Status::OK; }

AdminService::AdminService(AdminContext context, Authorizer authorize)
    : context_(std::move(context)), authorize_(std::move(authorize)) {}

void AdminService::Start(const Call& call, const char* name, Body body, Finish finish) {
  if (const grpc::Status allowed = authorize_(call); !allowed.ok()) {
    context_.metrics->SidecarFailed(SidecarError::kAuthFailed);
    return finish(allowed);
  }
  if (stopping_) return finish(ToGrpcStatus(WhyOver()));
  if (calls_.fetch_add(1) >= kMaxAdminCalls) {
    --calls_;
    return finish(ToGrpcStatus(absl::ResourceExhaustedError(
        fmt::format("{} admin calls are running already", kMaxAdminCalls))));
  }
  std::call_once(threads_started_, [this] { threads_.Start(kMaxAdminCalls); });
  threads_.Submit([this, name, body = std::move(body), finish = std::move(finish)]() mutable {
    const absl::Status status = body();
    --calls_;
    spdlog::info("admin call ended call={} status=\"{}\"", name, status.ToString());
    finish(ToGrpcStatus(status));
  });
}

absl::Status AdminService::WhyOver() const {
  return stopping_ ? absl::UnavailableError("the scheduler is stopping")
                   : absl::CancelledError("the client is gone, or took nothing for too long");
}

grpc::ServerUnaryReactor* AdminService::Backup(Call* call, const v1::BackupRequest* request,
                                               v1::BackupResponse* response) {
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  Start(
      *call, "Backup", [=, this] { return MakeBackup(call, *request, response); },
      [=](const grpc::Status& status) { reactor->Finish(status); });
  return reactor;
}

absl::Status AdminService::MakeBackup(Call* call, const v1::BackupRequest& request,
                                      v1::BackupResponse* response) {
  if (!request.directory().starts_with('/')) {
    return absl::InvalidArgumentError(
        fmt::format("directory: \"{}\" is not an absolute path", request.directory()));
  }
  if (backup_is_running_.exchange(true)) {
    return absl::FailedPreconditionError("another backup is being made");
  }
  uint64_t rows = 0;
  bool is_over = false;
  const auto is_cancelled = [&] {
    if (rows++ % kRowsPerCancelCheck == 0) is_over = is_over || IsOver(call);
    return is_over;
  };
  // What was acknowledged is durable already; with this, what readers may have seen is too.
  absl::Status status = context_.loop->SyncNow();
  if (status.ok()) {
    auto report = context_.backup(request.directory(), is_cancelled);
    status = report.status();
    if (report.ok()) *response = *std::move(report);
  }
  backup_is_running_ = false;
  return absl::IsCancelled(status) ? WhyOver() : status;
}

grpc::ServerWriteReactor<v1::QuarantinedRecord>* AdminService::ListQuarantine(
    Call* call, const v1::ListQuarantineRequest*) {
  auto* const stream = new BlockingResponses<v1::QuarantinedRecord>();
  Start(
      *call, "ListQuarantine", [=, this] { return SendQuarantine(call, stream); }, Ending(stream));
  return stream;
}

absl::Status AdminService::SendQuarantine(Call* call,
                                          ResponseWriter<v1::QuarantinedRecord>* writer) {
  // Damaged records are few; so that a client that is slow holds nothing, they are read first.
  std::vector<v1::QuarantinedRecord> records;
  RETURN_IF_ERROR(ReadQuarantine(*context_.store, [&](QuarantinedRecord record) {
    records.push_back(ToMessage(std::move(record)));
    return records.size() < kMaxQuarantineList;
  }));
  RETURN_IF_ERROR(context_.loop->SyncNow());
  StallAlarm alarm(call, context_.max_stall);
  for (v1::QuarantinedRecord& record : records) {
    if (IsOver(call) || !writer->Write(std::move(record))) return WhyOver();
  }
  return writer->Flush() ? absl::OkStatus() : WhyOver();
}

template <typename Response, typename Fill>
absl::Status AdminService::SendJobs(Call* call, const v1::JobFilter& filter,
                                    ResponseWriter<Response>* writer, Fill fill) {
  ASSIGN_OR_RETURN(std::vector<std::string> prefixes, PrefixesOf(filter));
  ASSIGN_OR_RETURN(JobCursor cursor, JobCursor::Open(context_.store, std::move(prefixes)));
  // No answer tells of a state that a power cut can undo.
  RETURN_IF_ERROR(context_.loop->SyncNow());
  StallAlarm alarm(call, context_.max_stall);
  // By themselves: with the first message, which may stay in a buffer, they would wait for good.
  writer->SendHeaders();
  while (!cursor.done()) {
    if (IsOver(call)) return WhyOver();
    ASSIGN_OR_RETURN(JobCursor::Chunk chunk, cursor.Next());
    alarm.Reset();
    for (UnreadableJob& job : chunk.unreadable) {
      Response response;
      *response.mutable_unreadable() = ToUnreadable(std::move(job));
      if (!writer->Write(std::move(response))) return WhyOver();
    }
    for (StoredJob& job : chunk.jobs) {
      Response response;
      fill(std::move(job), &response);
      if (!writer->Write(std::move(response))) return WhyOver();
    }
  }
  return writer->Flush() ? absl::OkStatus() : WhyOver();
}

grpc::ServerWriteReactor<v1::ListJobsResponse>* AdminService::ListJobs(
    Call* call, const v1::ListJobsRequest* request) {
  const auto fill = [](StoredJob job, v1::ListJobsResponse* out) {
    ToNamedJob(std::move(job.record), out->mutable_job());
  };
  auto* const stream = new BlockingResponses<v1::ListJobsResponse>();
  Start(
      *call, "ListJobs",
      [=, this] { return SendJobs<v1::ListJobsResponse>(call, request->filter(), stream, fill); },
      Ending(stream));
  return stream;
}

grpc::ServerWriteReactor<v1::ExportResponse>* AdminService::Export(
    Call* call, const v1::ExportRequest* request) {
  const auto fill = [](StoredJob job, v1::ExportResponse* out) {
    *out->mutable_job() = ToExported(std::move(job));
  };
  auto* const stream = new BlockingResponses<v1::ExportResponse>();
  Start(
      *call, "Export",
      [=, this] { return SendJobs<v1::ExportResponse>(call, request->filter(), stream, fill); },
      Ending(stream));
  return stream;
}

grpc::ServerBidiReactor<v1::ImportRequest, v1::ImportResponse>* AdminService::Import(Call* call) {
  auto* const stream = new ImportStream();
  Start(
      *call, "Import", [=, this] { return ReceiveJobs(call, stream); }, Ending(stream));
  return stream;
}

absl::Status AdminService::ReceiveJobs(Call* call, ImportStream* stream) {
  StallAlarm alarm(call, context_.max_stall);
  v1::ImportRequest request;
  if (!stream->Read(&request)) return absl::InvalidArgumentError("options must come first");
  RETURN_IF_ERROR(CheckOptions(request));
  Importer importer({context_.loop, context_.store, context_.metrics,
                     [stream](v1::ImportProblem problem) {
                       v1::ImportResponse response;
                       *response.mutable_problem() = std::move(problem);
                       // If the call is over, the next read says so.
                       stream->Write(std::move(response));
                     },
                     [this, call] { return IsOver(call); }},
                    request.options());
  while (!importer.ended_early() && stream->Read(&request)) {
    if (stopping_) return WhyOver();
    if (!request.has_job()) return absl::InvalidArgumentError("only jobs may follow the options");
    alarm.Reset();
    RETURN_IF_ERROR(importer.Add(std::move(*request.mutable_job())));
  }
  // A client that has gone has not said that this was all.
  if (IsOver(call)) return WhyOver();
  RETURN_IF_ERROR(importer.Finish());
  v1::ImportResponse response;
  *response.mutable_summary() = importer.summary();
  const bool is_told = stream->Write(std::move(response)) && stream->Flush();
  return is_told ? absl::OkStatus() : WhyOver();
}

}  // namespace belfry::server
