#include "client/sidecar/errors.h"

#include <catch2/catch.hpp>
#include <string>

#include "client/sidecar/grpc_errors.h"

namespace belfry::sidecar {
namespace {

const JobErrors kErrors("my-app", "ns1");

TEST_CASE("error bodies, byte for byte") {
  CHECK(ErrorBody(kErrors.ScheduleEmpty()) ==
        R"({"errorCode":"DAPR_SCHEDULER_SCHEDULE_EMPTY","message":"Schedule is empty","details":[)"
        R"({"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":)"
        R"({"appID":"my-app","namespace":"ns1"},"reason":"DAPR_SCHEDULER_SCHEDULE_EMPTY"}]})");
  CHECK(ErrorBody(kErrors.NameInBody()) ==
        R"({"errorCode":"DAPR_SCHEDULER_JOB_NAME","message":"Set the job name in the url only",)"
        R"("details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io",)"
        R"("metadata":{"appID":"my-app"},"reason":"DAPR_SCHEDULER_JOB_NAME"}]})");
  CHECK(PlainErrorBody("ERR_MALFORMED_REQUEST", "a <b> & \"c\"") ==
        R"({"errorCode":"ERR_MALFORMED_REQUEST","message":"a \u003cb\u003e \u0026 \"c\""})");
}

TEST_CASE("what the sidecar itself refuses") {
  CHECK(kErrors.JobEmpty().message == "Job is empty");
  CHECK(kErrors.JobEmpty().reason == "DAPR_SCHEDULER_EMPTY");
  CHECK(kErrors.NameEmpty().message == "Name is empty");
  CHECK(kErrors.NameEmpty().reason == "DAPR_SCHEDULER_JOB_NAME_EMPTY");
  for (const ApiError& error :
       {kErrors.JobEmpty(), kErrors.NameEmpty(), kErrors.NameInBody(), kErrors.ScheduleEmpty()}) {
    CHECK(error.http_status == 400);
    CHECK(error.grpc_code == absl::StatusCode::kInvalidArgument);
  }
}

TEST_CASE("failures of scheduling keep the scheduler's code") {
  const auto error =
      kErrors.ScheduleFailed(absl::AlreadyExistsError("job already exists: 'app||ns1||my-app||x'"));
  CHECK(error.http_status == 409);
  CHECK(error.grpc_code == absl::StatusCode::kAlreadyExists);
  CHECK(error.reason == "DAPR_SCHEDULER_SCHEDULE_JOB");
  CHECK(error.message ==
        "failed to schedule job due to: rpc error: code = AlreadyExists desc = job already exists: "
        "'app||ns1||my-app||x'");

  const auto [code, http] = GENERATE(table<absl::StatusCode, int>({
      {absl::StatusCode::kCancelled, 408},
      {absl::StatusCode::kUnknown, 500},
      {absl::StatusCode::kInvalidArgument, 400},
      {absl::StatusCode::kDeadlineExceeded, 504},
      {absl::StatusCode::kNotFound, 404},
      {absl::StatusCode::kPermissionDenied, 403},
      {absl::StatusCode::kResourceExhausted, 429},
      {absl::StatusCode::kFailedPrecondition, 400},
      {absl::StatusCode::kAborted, 409},
      {absl::StatusCode::kOutOfRange, 400},
      {absl::StatusCode::kUnimplemented, 501},
      {absl::StatusCode::kInternal, 500},
      {absl::StatusCode::kUnavailable, 503},
      {absl::StatusCode::kDataLoss, 500},
      {absl::StatusCode::kUnauthenticated, 401},
  }));
  const auto mapped = kErrors.ScheduleFailed(absl::Status(code, "x"));
  CHECK(mapped.http_status == http);
  CHECK(mapped.grpc_code ==
        (code == absl::StatusCode::kUnknown ? absl::StatusCode::kInternal : code));
}

TEST_CASE("failures of reading and deleting are internal errors, malformed names aside") {
  const auto missing = kErrors.GetFailed(absl::NotFoundError("job not found: x"));
  CHECK(missing.http_status == 500);
  CHECK(missing.grpc_code == absl::StatusCode::kInternal);
  CHECK(missing.message ==
        "failed to get job due to: rpc error: code = NotFound desc = job not found: x");
  CHECK(missing.reason == "DAPR_SCHEDULER_GET_JOB");
  CHECK(kErrors.DeleteFailed(absl::UnavailableError("x")).http_status == 500);
  CHECK(kErrors.DeleteFailed(absl::UnavailableError("x")).reason == "DAPR_SCHEDULER_DELETE_JOB");
  CHECK(kErrors.ListFailed(absl::UnavailableError("x")).reason == "DAPR_SCHEDULER_LIST_JOBS");
  CHECK(kErrors.ListFailed(absl::UnavailableError("x")).message ==
        "failed to list jobs due to: rpc error: code = Unavailable desc = x");
  CHECK(kErrors.GetFailed(absl::InvalidArgumentError("bad name")).http_status == 400);
  CHECK(kErrors.DeleteFailed(absl::ResourceExhaustedError("x")).http_status == 500);
}

TEST_CASE("failures before the scheduler was asked have no rpc error") {
  const auto error = kErrors.ScheduleFailed(LocalFailure("context deadline exceeded"));
  CHECK(error.http_status == 500);
  CHECK(error.message == "failed to schedule job due to: context deadline exceeded");
  const auto busy = kErrors.GetFailed(LocalFailure("busy", absl::StatusCode::kResourceExhausted));
  CHECK(busy.http_status == 429);
  CHECK(busy.message == "failed to get job due to: busy");
}

TEST_CASE("a gRPC status carries its details") {
  const grpc::Status status = ToGrpcStatus(kErrors.NameEmpty());
  CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(status.error_message() == "Name is empty");
  // Status{1: 3, 2: "Name is empty", 3: Any{1: url, 2: ErrorInfo{1: reason, 2: domain, 3: map}}}
  const std::string info = std::string("\x0a\x1d") + "DAPR_SCHEDULER_JOB_NAME_EMPTY" + "\x12\x07" +
                           "dapr.io" + "\x1a\x0f\x0a\x05" + "appID" + "\x12\x06" + "my-app" +
                           "\x1a\x10\x0a\x09" + "namespace" + "\x12\x03" + "ns1";
  const std::string url = "type.googleapis.com/google.rpc.ErrorInfo";
  const std::string any = std::string("\x0a\x28") + url + "\x12" +
                          std::string(1, static_cast<char>(info.size())) + info;
  CHECK(url.size() == 0x28);
  REQUIRE(any.size() < 128);  // so that its length is one byte
  CHECK(status.error_details() == std::string("\x08\x03\x12\x0d") + "Name is empty" + "\x1a" +
                                      std::string(1, static_cast<char>(any.size())) + any);
}

TEST_CASE("a call without its token") {
  const grpc::Status status = UnauthorizedStatus("missing api token in request metadata");
  CHECK(status.error_code() == grpc::StatusCode::UNAUTHENTICATED);
  CHECK(status.error_message() == "Unauthorized");
  CHECK(status.error_details().find("missing api token in request metadata") != std::string::npos);
}

}  // namespace
}  // namespace belfry::sidecar
