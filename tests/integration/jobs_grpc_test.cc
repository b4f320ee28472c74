// The sidecar's gRPC API: the same jobs as over HTTP, and the same answers.

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "google/protobuf/struct.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "grpcpp/client_context.h"
#include "tests/integration/jobs_api.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/sidecar_process.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::runtime::v1;
using grpc::StatusCode;
using NameList = std::vector<std::string>;

pb::Job Recurring(const std::string& name) {
  pb::Job job;
  job.set_name(name);
  job.set_schedule("@every 1h");
  return job;
}

// A sidecar without an app; nothing in these tests becomes due.
struct Api {
  SchedulerProcess scheduler;
  SidecarProcess sidecar{{.scheduler = scheduler.address()}};
  JobsApi alpha{&sidecar.stub(), RpcNames::kAlpha1};
  JobsApi stable{&sidecar.stub(), RpcNames::kStable};
};

TEST_CASE("jobs over gRPC, under both names of each call") {
  Api api;
  for (JobsApi* jobs : {&api.alpha, &api.stable}) {
    JobsApi* other = jobs == &api.alpha ? &api.stable : &api.alpha;
    pb::Job job = Recurring("day-1");
    job.set_due_time("2h");
    job.set_ttl("90h");
    job.set_repeats(4);
    google::protobuf::Int64Value number;
    number.set_value(7);
    job.mutable_data()->PackFrom(number);
    job.mutable_failure_policy()->mutable_constant()->mutable_interval()->set_seconds(3);
    REQUIRE(jobs->Schedule(job).ok());
    pb::Job read;
    REQUIRE(other->Get("day-1", &read).ok());
    CHECK(read.SerializeAsString() == job.SerializeAsString());

    const grpc::Status taken = jobs->Schedule(job);
    CHECK(taken.error_code() == StatusCode::ALREADY_EXISTS);
    CHECK_THAT(taken.error_message(),
               Catch::Contains("job already exists: 'app||default||app||day-1'"));
    CHECK(jobs->Schedule(Recurring("day-1"), true).ok());
    REQUIRE(jobs->Get("day-1", &read).ok());
    CHECK_FALSE(read.has_data());
    CHECK(read.failure_policy().constant().max_retries() == 3);

    for (const char* name : {"night", "day-2", "day"})
      REQUIRE(jobs->Schedule(Recurring(name)).ok());
    CHECK(jobs->Names() == NameList{"day", "day-1", "day-2", "night"});
    std::vector<pb::Job> list;
    REQUIRE(jobs->List(&list).ok());
    CHECK(list[0].schedule() == "@every 1h");
    CHECK(jobs->DeletePrefix("day-").ok());
    CHECK(other->Names() == NameList{"day", "night"});
    CHECK(jobs->Delete("day").ok());
    CHECK(jobs->Delete("day").ok());
    CHECK(other->Names() == NameList{"night"});
    REQUIRE(jobs->Schedule(Recurring("day")).ok());
    CHECK(jobs->DeletePrefix(jobs == &api.alpha ? std::nullopt : std::optional("")).ok());
    CHECK(other->Names().empty());
  }
}

TEST_CASE("gRPC and HTTP see the same jobs") {
  Api api;
  CHECK(api.sidecar.Http("POST", "/v1.0/jobs/over-http", R"({"dueTime":"1h","data":{"a":[1]}})")
            .status == 204);
  pb::Job job;
  REQUIRE(api.stable.Get("over-http", &job).ok());
  CHECK(job.due_time() == "1h");
  CHECK_FALSE(job.has_schedule());
  google::protobuf::Value value;
  REQUIRE(job.data().UnpackTo(&value));
  CHECK(value.struct_value().fields().at("a").list_value().values(0).number_value() == 1);

  job = Recurring("over-grpc");
  google::protobuf::StringValue text;
  text.set_value("hello");
  job.mutable_data()->PackFrom(text);
  REQUIRE(api.alpha.Schedule(job).ok());
  CHECK(boost::json::parse(api.sidecar.Http("GET", "/v1.0/jobs/over-grpc").body) ==
        boost::json::parse(R"({"name":"over-grpc","schedule":"@every 1h",)"
                           R"("data":{"@type":"type.googleapis.com/google.protobuf.StringValue",)"
                           R"("value":"hello"},)"
                           R"("failurePolicy":{"constant":{"interval":"1s","maxRetries":3}}})"));
  // What SDKs send: bytes without a type that anybody knows.
  job.set_name("bytes");
  job.mutable_data()->set_type_url("dapr.io/schedule/jobpayload");
  job.mutable_data()->set_value("abc");
  REQUIRE(api.stable.Schedule(job).ok());
  const HttpResponse bytes = api.sidecar.Http("GET", "/v1.0/jobs/bytes");
  CHECK(bytes.status == 200);
  CHECK_THAT(bytes.body,
             Catch::Contains(R"("data":{"@type":"dapr.io/schedule/jobpayload","value":"YWJj"})"));
  CHECK(api.sidecar.Http("DELETE", "/v1.0/jobs/bytes").status == 204);
  CHECK(api.stable.Names() == NameList{"over-grpc", "over-http"});
  CHECK(api.stable.DeletePrefix("over-g").ok());
  CHECK(api.sidecar.Http("GET", "/v1.0-alpha1/jobs/over-grpc").status == 500);
}

// Both must refuse, with codes that mean the same and equal words.
void CheckAgree(const HttpResponse& http, const grpc::Status& grpc, int http_status,
                StatusCode grpc_code) {
  CHECK(http.status == http_status);
  CHECK(grpc.error_code() == grpc_code);
  boost::json::error_code error;
  const boost::json::value body = boost::json::parse(http.body, error);
  REQUIRE_FALSE(error);
  CHECK(std::string(body.at("message").as_string()) == grpc.error_message());
  // The details say why in a word, for programs.
  CHECK_THAT(grpc.error_details(), Catch::Contains(std::string(body.at("errorCode").as_string())));
  CHECK_THAT(grpc.error_details(), Catch::Contains("google.rpc.ErrorInfo"));
}

TEST_CASE("gRPC and HTTP refuse the same jobs for the same reasons") {
  Api api;
  REQUIRE(api.stable.Schedule(Recurring("taken")).ok());
  struct Case {
    std::string name;  // as in a path
    std::string body;
    pb::Job job;
    int http_status = 400;
    StatusCode grpc_code = StatusCode::INVALID_ARGUMENT;
  };
  const auto job = [](const std::string& name, const char* schedule, const char* due_time) {
    pb::Job out;
    out.set_name(name);
    if (schedule != nullptr) out.set_schedule(schedule);
    if (due_time != nullptr) out.set_due_time(due_time);
    return out;
  };
  pb::Job no_repeats = job("a", "@daily", nullptr);
  no_repeats.set_repeats(0);
  for (const Case& c : {
           Case{"a", "{}", job("a", nullptr, nullptr)},
           Case{"%20", R"({"schedule":"@daily"})", job("", "@daily", nullptr)},
           Case{"a", R"({"schedule":""})", job("a", "", nullptr)},
           Case{"a", R"({"schedule":"@never"})", job("a", "@never", nullptr)},
           Case{"a", R"({"dueTime":"P"})", job("a", nullptr, "P")},
           Case{"a", R"({"schedule":"@daily","repeats":0})", no_repeats},
           Case{"..%23", R"({"schedule":"@daily"})", job("..#", "@daily", nullptr)},
           Case{"taken", R"({"schedule":"@daily"})", job("taken", "@daily", nullptr), 409,
                StatusCode::ALREADY_EXISTS},
       }) {
    INFO(c.name << " " << c.body);
    const HttpResponse http = api.sidecar.Http("POST", "/v1.0/jobs/" + c.name, c.body);
    for (JobsApi* jobs : {&api.alpha, &api.stable}) {
      CheckAgree(http, jobs->Schedule(c.job), c.http_status, c.grpc_code);
    }
  }
  for (JobsApi* jobs : {&api.alpha, &api.stable}) {
    CheckAgree(api.sidecar.Http("GET", "/v1.0/jobs/absent"), jobs->Get("absent"), 500,
               StatusCode::INTERNAL);
    CheckAgree(api.sidecar.Http("GET", "/v1.0/jobs/a%3Fb"), jobs->Get("a?b"), 400,
               StatusCode::INVALID_ARGUMENT);
    CheckAgree(api.sidecar.Http("DELETE", "/v1.0/jobs/a%3Fb"), jobs->Delete("a?b"), 400,
               StatusCode::INVALID_ARGUMENT);
    CHECK(jobs->Delete("absent").ok());
    for (const grpc::Status& status : {jobs->Get(""), jobs->Delete("")}) {
      CHECK(status.error_code() == StatusCode::INVALID_ARGUMENT);
      CHECK(status.error_message() == "Name is empty");
    }
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
  pb::ScheduleJobResponse response;
  const grpc::Status empty =
      api.sidecar.stub().ScheduleJob(&context, pb::ScheduleJobRequest(), &response);
  CHECK(empty.error_code() == StatusCode::INVALID_ARGUMENT);
  CHECK(empty.error_message() == "Job is empty");
  CHECK_THAT(empty.error_details(), Catch::Contains("DAPR_SCHEDULER_EMPTY"));
  CHECK(api.stable.Names() == NameList{"taken"});
}

TEST_CASE("metadata and shutdown over gRPC") {
  Api api;
  const auto deadline = std::chrono::system_clock::now() + kWaitLimit;
  google::protobuf::Empty nothing;
  grpc::ClientContext set_context;
  set_context.set_deadline(deadline);
  pb::SetMetadataRequest set;
  set.set_key("owner");
  set.set_value("hutt");
  REQUIRE(api.sidecar.stub().SetMetadata(&set_context, set, &nothing).ok());
  grpc::ClientContext get_context;
  get_context.set_deadline(deadline);
  pb::GetMetadataResponse metadata;
  REQUIRE(api.sidecar.stub().GetMetadata(&get_context, pb::GetMetadataRequest(), &metadata).ok());
  CHECK(metadata.id() == "app");
  CHECK(metadata.extended_metadata().at("owner") == "hutt");
  REQUIRE(metadata.scheduler().connected_addresses_size() == 1);
  CHECK(metadata.scheduler().connected_addresses(0) == api.scheduler.address());

  grpc::ClientContext shutdown_context;
  shutdown_context.set_deadline(deadline);
  CHECK(api.sidecar.stub().Shutdown(&shutdown_context, pb::ShutdownRequest(), &nothing).ok());
  CHECK(api.sidecar.process().Wait() == 0);
}

TEST_CASE("a sidecar with a token wants to see it") {
  SchedulerProcess scheduler;
  SidecarProcess sidecar(
      {.scheduler = scheduler.address(), .environment = {{"DAPR_API_TOKEN", "secret"}}});
  CHECK(sidecar.Http("GET", "/v1.0/jobs/job").status == 401);
  CHECK(sidecar.Http("GET", "/v1.0/metadata").status == 401);
  CHECK(sidecar.Http("GET", "/v1.0/healthz").status == 204);
  JobsApi jobs(&sidecar.stub(), RpcNames::kStable);
  const grpc::Status refused = jobs.Schedule(Recurring("job"));
  CHECK(refused.error_code() == StatusCode::UNAUTHENTICATED);
  for (const auto& [token, code] :
       {std::pair("secret", StatusCode::OK), std::pair("wrong", StatusCode::UNAUTHENTICATED)}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
    context.AddMetadata("dapr-api-token", token);
    pb::ListJobsResponse response;
    CHECK(sidecar.stub().ListJobs(&context, pb::ListJobsRequest(), &response).error_code() == code);
  }
}

}  // namespace
}  // namespace belfry::integration
