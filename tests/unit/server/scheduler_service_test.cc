#include "server/scheduler_service.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/unit/server/running_server.h"

namespace belfry::server {
namespace {

using Names = std::vector<std::string>;

// Far enough away not to fire during a test.
constexpr const char* kTomorrow = "24h";

void CheckStatus(const grpc::Status& status, grpc::StatusCode code, const std::string& message) {
  CHECK(status.error_code() == code);
  CHECK(status.error_message() == message);
}

TEST_CASE("a job is scheduled, read as it was submitted, listed and deleted") {
  RunningServer server;
  pb::ScheduleJobRequest request = JobRequest("j", AppMetadata(), kTomorrow);
  request.mutable_job()->set_schedule("@every 1h");
  request.mutable_job()->set_ttl("48h");
  request.mutable_job()->set_repeats(3);
  request.mutable_job()->mutable_data()->set_type_url("type.example/x");
  request.mutable_job()->mutable_data()->set_value("payload");
  REQUIRE(server.Schedule(request).ok());

  pb::GetJobResponse got;
  REQUIRE(server.Get("j", AppMetadata(), &got).ok());
  // The default policy is filled in; everything else is as it was.
  REQUIRE(got.job().failure_policy().has_constant());
  CHECK(got.job().failure_policy().constant().interval().seconds() == 1);
  CHECK(got.job().failure_policy().constant().max_retries() == 3);
  got.mutable_job()->clear_failure_policy();
  CHECK(got.job().SerializeAsString() == request.job().SerializeAsString());

  CHECK(server.List(AppMetadata()).second == Names{"j"});
  CHECK(server.Delete("j", AppMetadata()).ok());
  CheckStatus(server.Get("j", AppMetadata(), &got), grpc::StatusCode::NOT_FOUND,
              "job not found: j");
  CHECK(server.List(AppMetadata()).second.empty());
  // Deleting what is not there is no error.
  CHECK(server.Delete("j", AppMetadata()).ok());
}

TEST_CASE("a name is taken until it may be overwritten") {
  RunningServer server;
  pb::ScheduleJobRequest request = JobRequest("j", AppMetadata(), kTomorrow);
  REQUIRE(server.Schedule(request).ok());
  CheckStatus(server.Schedule(request), grpc::StatusCode::ALREADY_EXISTS,
              "job already exists: 'app||ns||app||j'");
  request.set_overwrite(true);
  request.mutable_job()->set_due_time("25h");
  REQUIRE(server.Schedule(request).ok());
  pb::GetJobResponse got;
  REQUIRE(server.Get("j", AppMetadata(), &got).ok());
  CHECK(got.job().due_time() == "25h");
}

TEST_CASE("every call must say whose jobs it is about") {
  RunningServer server;
  const pb::JobMetadata metadata =
      GENERATE(pb::JobMetadata{}, AppMetadata("", "ns"), AppMetadata("app", ""));
  const std::string message = "missing namespace or appID in request";
  const auto code = grpc::StatusCode::INVALID_ARGUMENT;
  pb::GetJobResponse got;
  CheckStatus(server.Schedule(JobRequest("j", metadata, kTomorrow)), code, message);
  CheckStatus(server.Get("j", metadata, &got), code, message);
  CheckStatus(server.Delete("j", metadata), code, message);
  CheckStatus(server.List(metadata).first, code, message);
  CheckStatus(server.DeleteByMetadata(metadata, false), code,
              "failed to parse metadata: " + message);
  CheckStatus(server.DeleteByNamePrefix(metadata, "j"), code,
              "failed to parse metadata: " + message);
  CHECK(server.HasSample("dapr_scheduler_sidecar_errors_total{reason=\"auth_failed\"}", "6"));
}

TEST_CASE("every call must name a kind of target") {
  RunningServer server;
  pb::JobMetadata metadata = AppMetadata();
  if (GENERATE(true, false)) {
    metadata.clear_target();
  } else {
    metadata.mutable_target()->clear_type();
  }
  pb::GetJobResponse got;
  const std::vector<grpc::Status> answers = {server.Schedule(JobRequest("j", metadata, kTomorrow)),
                                             server.Get("j", metadata, &got),
                                             server.Delete("j", metadata),
                                             server.List(metadata).first,
                                             server.DeleteByMetadata(metadata, false),
                                             server.DeleteByNamePrefix(metadata, "j")};
  for (const grpc::Status& status : answers) {
    CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK(status.error_message().find("unknown job type") != std::string::npos);
  }
}

TEST_CASE("a job name must be one") {
  RunningServer server;
  const std::string name = GENERATE(std::string(), std::string("a/b"), std::string(600, 'a'),
                                    std::string(".."), std::string("a\nb"));
  pb::GetJobResponse got;
  for (const grpc::Status& status :
       {server.Schedule(JobRequest(name, AppMetadata(), kTomorrow)),
        server.Get(name, AppMetadata(), &got), server.Delete(name, AppMetadata())}) {
    CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK_FALSE(status.error_message().empty());
  }
}

TEST_CASE("a job without a definition is refused") {
  RunningServer server;
  pb::ScheduleJobRequest request = JobRequest("j", AppMetadata(), kTomorrow);
  request.clear_job();
  CheckStatus(server.Schedule(request), grpc::StatusCode::INVALID_ARGUMENT, "job is required");
}

TEST_CASE("a job that cannot be understood is refused and not stored") {
  RunningServer server;
  pb::ScheduleJobRequest request = JobRequest("j", AppMetadata(), kTomorrow);
  pb::Job* job = request.mutable_job();
  std::string message;
  SECTION("neither due time nor schedule") {
    job->clear_due_time();
    message = "job failed validation: job must have either a due time or a schedule";
  }
  SECTION("repeats without a schedule") {
    job->set_repeats(2);
    message = "job failed validation: job must have a schedule to repeat";
  }
  SECTION("an unreadable due time") {
    job->set_due_time("soon");
    message = "job failed validation: due time format not recognized";
  }
  SECTION("a ttl that ends before the due time") {
    job->set_schedule("@every 1h");
    job->set_ttl("-1s");
    message = "job failed validation: ttl must be greater than due time";
  }
  CheckStatus(server.Schedule(request), grpc::StatusCode::INVALID_ARGUMENT, message);
  CHECK(server.List(AppMetadata()).second.empty());
  CHECK(server.HasSample("dapr_scheduler_jobs_created_failed_total{type=\"job\"}", "1"));
}

TEST_CASE("lists tell of one app or actor, in order of names") {
  RunningServer server;
  for (const char* name : {"b", "a", "a||b"}) {
    REQUIRE(server.Schedule(JobRequest(name, AppMetadata("app"), kTomorrow)).ok());
  }
  REQUIRE(server.Schedule(JobRequest("x", AppMetadata("app2"), kTomorrow)).ok());
  REQUIRE(server.Schedule(JobRequest("y", AppMetadata("app", "ns2"), kTomorrow)).ok());
  REQUIRE(server.Schedule(JobRequest("r1", ActorMetadata("cat", "1"), kTomorrow)).ok());
  REQUIRE(server.Schedule(JobRequest("r2", ActorMetadata("cat", "2"), kTomorrow)).ok());

  CHECK(server.List(AppMetadata("app")).second == Names{"a", "a||b", "b"});
  CHECK(server.List(AppMetadata("app2")).second == Names{"x"});
  CHECK(server.List(ActorMetadata("cat", "1")).second == Names{"r1"});
  CHECK(server.List(ActorMetadata("cat", "")).second == Names{"r1", "r2"});
  CHECK(server.List(ActorMetadata("dog", "")).second.empty());
}

TEST_CASE("deleting by metadata takes one app, whatever is said of prefixes") {
  RunningServer server;
  const bool id_prefix_match = GENERATE(true, false);
  REQUIRE(server.Schedule(JobRequest("j", AppMetadata("app"), kTomorrow)).ok());
  REQUIRE(server.Schedule(JobRequest("j", AppMetadata("app2"), kTomorrow)).ok());
  REQUIRE(server.DeleteByMetadata(AppMetadata("app"), id_prefix_match).ok());
  CHECK(server.List(AppMetadata("app")).second.empty());
  CHECK(server.List(AppMetadata("app2")).second == Names{"j"});
  // Nothing left to delete is no error.
  CHECK(server.DeleteByMetadata(AppMetadata("app"), id_prefix_match).ok());
  CHECK(server.HasSample("dapr_scheduler_jobs_bulk_deleted_total", "2"));
}

TEST_CASE("deleting by metadata takes one actor, or those whose ids begin alike") {
  RunningServer server;
  for (const char* id : {"1", "12", "2"}) {
    REQUIRE(server.Schedule(JobRequest(id, ActorMetadata("cat", id), kTomorrow)).ok());
  }
  SECTION("exactly") {
    REQUIRE(server.DeleteByMetadata(ActorMetadata("cat", "1"), false).ok());
    CHECK(server.List(ActorMetadata("cat", "")).second == Names{"12", "2"});
  }
  SECTION("by prefix") {
    REQUIRE(server.DeleteByMetadata(ActorMetadata("cat", "1"), true).ok());
    CHECK(server.List(ActorMetadata("cat", "")).second == Names{"2"});
  }
}

TEST_CASE("deleting by name prefix takes the names that begin with it") {
  RunningServer server;
  for (const char* name : {"old-1", "old-2", "new"}) {
    REQUIRE(server.Schedule(JobRequest(name, AppMetadata(), kTomorrow)).ok());
  }
  REQUIRE(server.Schedule(JobRequest("old-1", AppMetadata("app2"), kTomorrow)).ok());
  REQUIRE(server.DeleteByNamePrefix(AppMetadata(), "old-").ok());
  CHECK(server.List(AppMetadata()).second == Names{"new"});
  CHECK(server.List(AppMetadata("app2")).second == Names{"old-1"});
  REQUIRE(server.DeleteByNamePrefix(AppMetadata(), "").ok());
  CHECK(server.List(AppMetadata()).second.empty());
}

TEST_CASE("what the server does is counted by kind of target") {
  RunningServer server;
  REQUIRE(server.Schedule(JobRequest("j", AppMetadata(), kTomorrow)).ok());
  REQUIRE(server.Schedule(JobRequest("r", ActorMetadata("cat", "1"), kTomorrow)).ok());
  REQUIRE(server.Delete("r", ActorMetadata("cat", "1")).ok());
  CHECK(server.HasSample("dapr_scheduler_jobs_created_total{type=\"job\"}", "1"));
  CHECK(server.HasSample("dapr_scheduler_jobs_created_total{type=\"actor\"}", "1"));
  CHECK(server.HasSample("dapr_scheduler_jobs_deleted_total{type=\"actor\"}", "1"));
  // A series appears with its first event.
  CHECK_FALSE(server.HasSample("dapr_scheduler_jobs_deleted_total{type=\"job\"}", "0"));
}

TEST_CASE("a caller that gives up does no harm") {
  RunningServer server;
  for (int i = 0; i < 50; ++i) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::microseconds(200 * i));
    pb::ScheduleJobRequest request = JobRequest("j", AppMetadata(), kTomorrow);
    request.set_overwrite(true);
    pb::ScheduleJobResponse response;
    const grpc::StatusCode code =
        server.stub().ScheduleJob(&context, request, &response).error_code();
    const bool done_or_given_up =
        code == grpc::StatusCode::OK || code == grpc::StatusCode::DEADLINE_EXCEEDED;
    CHECK(done_or_given_up);
  }
  CHECK(server.Schedule(JobRequest("other", AppMetadata(), kTomorrow)).ok());
}

TEST_CASE("calls that come while the loop stops are answered") {
  RunningServer server;
  REQUIRE(server.Schedule(JobRequest("j", AppMetadata(), kTomorrow)).ok());
  REQUIRE(server.loop().Stop().ok());
  const auto unavailable = grpc::StatusCode::UNAVAILABLE;
  CHECK(server.Schedule(JobRequest("k", AppMetadata(), kTomorrow)).error_code() == unavailable);
  CHECK(server.Delete("j", AppMetadata()).error_code() == unavailable);
  CHECK(server.DeleteByMetadata(AppMetadata(), false).error_code() == unavailable);
  CHECK(server.DeleteByNamePrefix(AppMetadata(), "j").error_code() == unavailable);
  CHECK(server.List(AppMetadata()).first.error_code() == unavailable);
  // What is read is true: it was durable before the stop.
  pb::GetJobResponse got;
  CHECK(server.Get("j", AppMetadata(), &got).ok());
}

}  // namespace
}  // namespace belfry::server
