#include "client/sidecar/errors.h"

#include <fmt/format.h>

#include "absl/strings/cord.h"
#include "client/sidecar/json_text.h"

namespace belfry::sidecar {
namespace {

// Marks a status that no scheduler sent.
constexpr char kLocalPayload[] = "belfry.sidecar/local";

bool IsLocal(const absl::Status& status) { return status.GetPayload(kLocalPayload).has_value(); }

std::string Cause(const absl::Status& status) {
  const std::string message(status.message());
  if (IsLocal(status)) return message;
  return fmt::format("rpc error: code = {} desc = {}", CodeName(status.code()), message);
}

}  // namespace

ApiError JobErrors::Make(int http_status, absl::StatusCode code, std::string_view reason,
                         std::string message) const {
  return {http_status,
          code,
          std::string(reason),
          std::move(message),
          {{"appID", app_id_}, {"namespace", ns_}}};
}

ApiError JobErrors::JobEmpty() const {
  return Make(400, absl::StatusCode::kInvalidArgument, "DAPR_SCHEDULER_EMPTY", "Job is empty");
}

ApiError JobErrors::NameEmpty() const {
  return Make(400, absl::StatusCode::kInvalidArgument, "DAPR_SCHEDULER_JOB_NAME_EMPTY",
              "Name is empty");
}

ApiError JobErrors::NameInBody() const {
  ApiError error = Make(400, absl::StatusCode::kInvalidArgument, "DAPR_SCHEDULER_JOB_NAME",
                        "Set the job name in the url only");
  error.metadata.erase("namespace");
  return error;
}

ApiError JobErrors::ScheduleEmpty() const {
  return Make(400, absl::StatusCode::kInvalidArgument, "DAPR_SCHEDULER_SCHEDULE_EMPTY",
              "Schedule is empty");
}

ApiError JobErrors::ScheduleFailed(const absl::Status& status) const {
  const bool unknown = status.code() == absl::StatusCode::kUnknown;
  return Make(HttpStatus(status.code()), unknown ? absl::StatusCode::kInternal : status.code(),
              "DAPR_SCHEDULER_SCHEDULE_JOB",
              fmt::format("failed to schedule job due to: {}", Cause(status)));
}

ApiError JobErrors::Failed(std::string_view action, std::string_view reason,
                           const absl::Status& status) const {
  // A malformed request and overload are the caller's business; all else, including a job that is
  // not there, is an internal error to existing clients.
  const bool keep = status.code() == absl::StatusCode::kInvalidArgument ||
                    (IsLocal(status) && status.code() == absl::StatusCode::kResourceExhausted);
  const absl::StatusCode code = keep ? status.code() : absl::StatusCode::kInternal;
  return Make(HttpStatus(code), code, reason,
              fmt::format("failed to {} due to: {}", action, Cause(status)));
}

ApiError JobErrors::GetFailed(const absl::Status& status) const {
  return Failed("get job", "DAPR_SCHEDULER_GET_JOB", status);
}

ApiError JobErrors::DeleteFailed(const absl::Status& status) const {
  return Failed("delete job", "DAPR_SCHEDULER_DELETE_JOB", status);
}

ApiError JobErrors::ListFailed(const absl::Status& status) const {
  return Failed("list jobs", "DAPR_SCHEDULER_LIST_JOBS", status);
}

absl::Status LocalFailure(std::string message, absl::StatusCode code) {
  absl::Status status(code, message);
  status.SetPayload(kLocalPayload, absl::Cord());
  return status;
}

std::string ErrorBody(const ApiError& error) {
  std::string out = "{\"errorCode\":";
  AppendGoJsonString(&out, error.reason);
  out.append(",\"message\":");
  AppendGoJsonString(&out, error.message);
  out.append(
      ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
      "\"domain\":\"dapr.io\",\"metadata\":{");
  for (bool first = true; const auto& [key, value] : error.metadata) {
    if (!first) out.push_back(',');
    first = false;
    AppendGoJsonString(&out, key);
    out.push_back(':');
    AppendGoJsonString(&out, value);
  }
  out.append("},\"reason\":");
  AppendGoJsonString(&out, error.reason);
  out.append("}]}");
  return out;
}

std::string PlainErrorBody(std::string_view code, std::string_view message) {
  std::string out = "{\"errorCode\":";
  AppendGoJsonString(&out, code);
  out.append(",\"message\":");
  AppendGoJsonString(&out, message);
  out.push_back('}');
  return out;
}

int HttpStatus(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return 200;
    case absl::StatusCode::kCancelled:
      return 408;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return 400;
    case absl::StatusCode::kDeadlineExceeded:
      return 504;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
      return 409;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnimplemented:
      return 501;
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

std::string_view CodeName(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return "OK";
    case absl::StatusCode::kCancelled:
      return "Canceled";
    case absl::StatusCode::kUnknown:
      return "Unknown";
    case absl::StatusCode::kInvalidArgument:
      return "InvalidArgument";
    case absl::StatusCode::kDeadlineExceeded:
      return "DeadlineExceeded";
    case absl::StatusCode::kNotFound:
      return "NotFound";
    case absl::StatusCode::kAlreadyExists:
      return "AlreadyExists";
    case absl::StatusCode::kPermissionDenied:
      return "PermissionDenied";
    case absl::StatusCode::kResourceExhausted:
      return "ResourceExhausted";
    case absl::StatusCode::kFailedPrecondition:
      return "FailedPrecondition";
    case absl::StatusCode::kAborted:
      return "Aborted";
    case absl::StatusCode::kOutOfRange:
      return "OutOfRange";
    case absl::StatusCode::kUnimplemented:
      return "Unimplemented";
    case absl::StatusCode::kInternal:
      return "Internal";
    case absl::StatusCode::kUnavailable:
      return "Unavailable";
    case absl::StatusCode::kDataLoss:
      return "DataLoss";
    case absl::StatusCode::kUnauthenticated:
      return "Unauthenticated";
    default:
      return "Unknown";
  }
}

}  // namespace belfry::sidecar
