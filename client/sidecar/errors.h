#pragma once

// What the API answers when a call fails: one description for HTTP and gRPC.

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace belfry::sidecar {

// A failed call of the Jobs API. Ordinary value semantics.
struct ApiError {
  int http_status = 500;
  absl::StatusCode grpc_code = absl::StatusCode::kInternal;
  // Machine-readable cause; the `errorCode` of the HTTP body.
  std::string reason;
  std::string message;
  // Who was asked; part of the details.
  std::map<std::string, std::string> metadata;
};

// Makes the errors of one app's Jobs API. Immutable, so any thread may use it.
class JobErrors {
 public:
  JobErrors(std::string app_id, std::string ns) : app_id_(std::move(app_id)), ns_(std::move(ns)) {}

  ApiError JobEmpty() const;
  ApiError NameEmpty() const;
  // HTTP only: the name belongs into the URL.
  ApiError NameInBody() const;
  ApiError ScheduleEmpty() const;

  // Failures of a call to the scheduler. `status` is what the scheduler answered.
  ApiError ScheduleFailed(const absl::Status& status) const;
  ApiError GetFailed(const absl::Status& status) const;
  ApiError DeleteFailed(const absl::Status& status) const;
  ApiError ListFailed(const absl::Status& status) const;

 private:
  ApiError Make(int http_status, absl::StatusCode code, std::string_view reason,
                std::string message) const;
  ApiError Failed(std::string_view action, std::string_view reason,
                  const absl::Status& status) const;

  const std::string app_id_;
  const std::string ns_;
};

// A failure before the scheduler was asked, as a status for the functions above: its message is
// shown as it is, without "rpc error".
absl::Status LocalFailure(std::string message, absl::StatusCode code = absl::StatusCode::kInternal);

// The body with details that the Jobs API answers.
std::string ErrorBody(const ApiError& error);

// The plain body of the other endpoints: `{"errorCode":...,"message":...}`.
std::string PlainErrorBody(std::string_view code, std::string_view message);

// The HTTP status for a status of the scheduler.
int HttpStatus(absl::StatusCode code);

// The name of a code as gRPC-Go prints it: "InvalidArgument".
std::string_view CodeName(absl::StatusCode code);

}  // namespace belfry::sidecar
