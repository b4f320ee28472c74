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

}  // namespace

grpc::Status AuthorizeAll(const grpc::ServerContext&) { return grpc::Status::OK; }

AdminService::AdminService(AdminContext context, Authorizer authorize)
    : context_(std::move(context)), authorize_(std::move(authorize)) {}

template <typename Body>
grpc::Status AdminService::Run(grpc::ServerContext* call, const char* name, Body body) {
  if (grpc::Status allowed = authorize_(*call); !allowed.ok()) return allowed;
  if (stopping_) return ToGrpcStatus(WhyOver());
  if (calls_.fetch_add(1) >= kMaxAdminCalls) {
    --calls_;
    return ToGrpcStatus(absl::ResourceExhaustedError(
        fmt::format("{} admin calls are running already", kMaxAdminCalls)));
  }
  const absl::Status status = body();
  --calls_;
  spdlog::info("admin call ended call={} status=\"{}\"", name, status.ToString());
  return ToGrpcStatus(status);
}

absl::Status AdminService::WhyOver() const {
  return stopping_ ? absl::UnavailableError("the scheduler is stopping")
                   : absl::CancelledError("the client is gone, or took nothing for too long");
}

grpc::Status AdminService::Backup(grpc::ServerContext* call, const v1::BackupRequest* request,
                                  v1::BackupResponse* response) {
  return Run(call, "Backup", [&] { return MakeBackup(call, *request, response); });
}

absl::Status AdminService::MakeBackup(grpc::ServerContext* call, const v1::BackupRequest& request,
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

grpc::Status AdminService::ListQuarantine(grpc::ServerContext* call,
                                          const v1::ListQuarantineRequest*,
                                          grpc::ServerWriter<v1::QuarantinedRecord>* writer) {
  return Run(call, "ListQuarantine", [&] { return SendQuarantine(call, writer); });
}

absl::Status AdminService::SendQuarantine(grpc::ServerContext* call,
                                          grpc::ServerWriter<v1::QuarantinedRecord>* writer) {
  // Damaged records are few; so that a client that is slow holds nothing, they are read first.
  std::vector<v1::QuarantinedRecord> records;
  RETURN_IF_ERROR(ReadQuarantine(*context_.store, [&](QuarantinedRecord record) {
    records.push_back(ToMessage(std::move(record)));
    return records.size() < kMaxQuarantineList;
  }));
  RETURN_IF_ERROR(context_.loop->SyncNow());
  StallAlarm alarm(call, context_.max_stall);
  for (const v1::QuarantinedRecord& record : records) {
    if (IsOver(call) || !writer->Write(record)) return WhyOver();
  }
  return absl::OkStatus();
}

template <typename Response, typename Fill>
absl::Status AdminService::SendJobs(grpc::ServerContext* call, const v1::JobFilter& filter,
                                    grpc::ServerWriter<Response>* writer, Fill fill) {
  ASSIGN_OR_RETURN(std::vector<std::string> prefixes, PrefixesOf(filter));
  ASSIGN_OR_RETURN(JobCursor cursor, JobCursor::Open(context_.store, std::move(prefixes)));
  // No answer tells of a state that a power cut can undo.
  RETURN_IF_ERROR(context_.loop->SyncNow());
  StallAlarm alarm(call, context_.max_stall);
  // By themselves: with the first message, which may stay in a buffer, they would wait for good.
  writer->SendInitialMetadata();
  while (!cursor.done()) {
    if (IsOver(call)) return WhyOver();
    ASSIGN_OR_RETURN(JobCursor::Chunk chunk, cursor.Next());
    alarm.Reset();
    for (UnreadableJob& job : chunk.unreadable) {
      Response response;
      *response.mutable_unreadable() = ToUnreadable(std::move(job));
      if (!writer->Write(response)) return WhyOver();
    }
    size_t left = chunk.jobs.size();
    for (StoredJob& job : chunk.jobs) {
      Response response;
      fill(std::move(job), &response);
      // With more to come the network need not be woken for this one.
      grpc::WriteOptions options;
      if (--left > 0) options.set_buffer_hint();
      if (!writer->Write(response, options)) return WhyOver();
    }
  }
  return absl::OkStatus();
}

grpc::Status AdminService::ListJobs(grpc::ServerContext* call, const v1::ListJobsRequest* request,
                                    grpc::ServerWriter<v1::ListJobsResponse>* writer) {
  return Run(call, "ListJobs", [&] {
    return SendJobs(call, request->filter(), writer, [](StoredJob job, v1::ListJobsResponse* out) {
      auto* named = out->mutable_job();
      named->set_name(std::move(*job.record.mutable_name()));
      *named->mutable_metadata() = std::move(*job.record.mutable_metadata());
      *named->mutable_job() = std::move(*job.record.mutable_job());
    });
  });
}

grpc::Status AdminService::Export(grpc::ServerContext* call, const v1::ExportRequest* request,
                                  grpc::ServerWriter<v1::ExportResponse>* writer) {
  return Run(call, "Export", [&] {
    return SendJobs(call, request->filter(), writer, [](StoredJob job, v1::ExportResponse* out) {
      *out->mutable_job() = ToExported(std::move(job));
    });
  });
}

grpc::Status AdminService::Import(
    grpc::ServerContext* call,
    grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>* stream) {
  return Run(call, "Import", [&] { return ReceiveJobs(call, stream); });
}

absl::Status AdminService::ReceiveJobs(
    grpc::ServerContext* call,
    grpc::ServerReaderWriter<v1::ImportResponse, v1::ImportRequest>* stream) {
  StallAlarm alarm(call, context_.max_stall);
  v1::ImportRequest request;
  if (!stream->Read(&request)) return absl::InvalidArgumentError("options must come first");
  RETURN_IF_ERROR(CheckOptions(request));
  Importer importer({context_.loop, context_.store, context_.metrics,
                     [stream](v1::ImportProblem problem) {
                       v1::ImportResponse response;
                       *response.mutable_problem() = std::move(problem);
                       stream->Write(response);
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
  return stream->Write(response) ? absl::OkStatus() : WhyOver();
}

}  // namespace belfry::server
