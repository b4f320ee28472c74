#include "client/sidecar/jobs_api.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/sidecar/fake_connection.h"
#include "tests/unit/sidecar/waiter.h"

namespace belfry::sidecar {
namespace {

using dapr::proto::runtime::v1::Job;
using dapr::proto::runtime::v1::ScheduleJobRequest;

struct Fixture {
  explicit Fixture(JobsApiOptions options = Options()) : api(options, connection, hosts) {}

  static JobsApiOptions Options() {
    JobsApiOptions options;
    options.app_id = "my-app";
    options.ns = "ns1";
    options.threads = 2;
    return options;
  }

  std::optional<ApiError> Schedule(const ScheduleJobRequest& request) {
    Waiter<std::optional<ApiError>> waiter;
    api.Schedule(request, [&](std::optional<ApiError> error) { waiter.Put(std::move(error)); });
    auto result = waiter.Take();
    REQUIRE(result);
    return *result;
  }

  std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>();
  SchedulerHosts hosts{true, connection};
  JobsApi api;
};

ScheduleJobRequest Request(const std::string& name) {
  ScheduleJobRequest request;
  request.mutable_job()->set_name(name);
  request.mutable_job()->set_schedule("@daily");
  return request;
}

TEST_CASE("jobs api: a job is scheduled with all its fields, read, listed and deleted") {
  Fixture f;
  f.hosts.Update({"b:1", "a:1"});
  CHECK(f.connection->addresses() == std::vector<std::string>{"b:1", "a:1"});
  ScheduleJobRequest request = Request("x");
  Job& job = *request.mutable_job();
  job.set_repeats(2);
  job.set_due_time("1s");
  job.set_ttl("1h");
  job.mutable_data()->set_value("payload");
  job.mutable_failure_policy()->mutable_drop();
  CHECK_FALSE(f.Schedule(request));
  const auto sent = f.connection->last_request();
  CHECK(sent.name() == "x");
  CHECK(sent.metadata().app_id() == "my-app");
  CHECK(sent.metadata().namespace_() == "ns1");
  CHECK(sent.metadata().target().has_job());
  CHECK_FALSE(sent.overwrite());

  Waiter<Job> got;
  f.api.Get("x", [&](const std::optional<ApiError>& error, Job read) {
    CHECK_FALSE(error);
    got.Put(std::move(read));
  });
  const auto read = got.Take();
  REQUIRE(read);
  CHECK(read->SerializeAsString() == job.SerializeAsString());

  Waiter<std::vector<Job>> listed;
  f.api.List(
      [&](const std::optional<ApiError>&, std::vector<Job> jobs) { listed.Put(std::move(jobs)); });
  const auto jobs = listed.Take();
  REQUIRE(jobs);
  REQUIRE(jobs->size() == 1);
  CHECK((*jobs)[0].SerializeAsString() == job.SerializeAsString());

  Waiter<bool> deleted;
  f.api.Delete("x", [&](const std::optional<ApiError>& error) { deleted.Put(!error); });
  CHECK(deleted.Take() == true);
  CHECK(f.connection->jobs().empty());
}

TEST_CASE("jobs api: deleting by prefix") {
  Fixture f;
  f.hosts.Update({"a:1"});
  f.Schedule(Request("ab"));
  f.Schedule(Request("b"));
  Waiter<bool> deleted;
  f.api.DeletePrefix("a", [&](const std::optional<ApiError>& error) { deleted.Put(!error); });
  CHECK(deleted.Take() == true);
  CHECK(f.connection->jobs().size() == 1);
}

TEST_CASE("jobs api: requests are checked in order, before any scheduler is asked") {
  Fixture f;  // no host list: a call would wait
  CHECK(f.Schedule({})->message == "Job is empty");
  ScheduleJobRequest request;
  request.mutable_job();
  CHECK(f.Schedule(request)->message == "Name is empty");
  request.mutable_job()->set_name("x");
  CHECK(f.Schedule(request)->message == "Schedule is empty");
  request.mutable_job()->set_name("\xff");
  CHECK(f.Schedule(request)->http_status == 400);

  Waiter<std::string> messages;
  f.api.Get(
      "", [&](const std::optional<ApiError>& error, const Job&) { messages.Put(error->message); });
  CHECK(messages.Take() == "Name is empty");
  f.api.Delete("", [&](const std::optional<ApiError>& error) { messages.Put(error->message); });
  CHECK(messages.Take() == "Name is empty");
}

TEST_CASE("jobs api: an empty schedule counts as given") {
  Fixture f;
  f.hosts.Update({"a:1"});
  ScheduleJobRequest request = Request("x");
  request.mutable_job()->set_schedule("");
  CHECK_FALSE(f.Schedule(request));
}

TEST_CASE("jobs api: an existing name is refused unless overwrite is set") {
  Fixture f;
  f.hosts.Update({"a:1"});
  ScheduleJobRequest request = Request("x");
  CHECK_FALSE(f.Schedule(request));
  const auto error = f.Schedule(request);
  REQUIRE(error);
  CHECK(error->http_status == 409);
  request.set_overwrite(true);
  CHECK_FALSE(f.Schedule(request));
}

TEST_CASE("jobs api: without any scheduler configured calls fail at once") {
  const auto connection = std::make_shared<FakeConnection>();
  SchedulerHosts hosts(false, connection);
  JobsApi api(Fixture::Options(), connection, hosts);
  Waiter<std::string> messages;
  api.Schedule(Request("x"),
               [&](const std::optional<ApiError>& error) { messages.Put(error->message); });
  CHECK(messages.Take() == "failed to schedule job due to: scheduler clients are disabled");
  CHECK(hosts.known());
}

TEST_CASE("jobs api: before the first host list a call fails when its time is over") {
  JobsApiOptions options = Fixture::Options();
  options.call_timeout = absl::Milliseconds(20);
  Fixture f(options);
  CHECK_FALSE(f.hosts.known());
  const auto error = f.Schedule(Request("x"));
  REQUIRE(error);
  CHECK(error->http_status == 500);
  CHECK(error->message == "failed to schedule job due to: context deadline exceeded");
}

TEST_CASE("jobs api: a call does not wait for a host list that cannot come") {
  Fixture f;
  f.hosts.SetHopeless(absl::UnavailableError("not trusted"));
  const auto error = f.Schedule(Request("x"));
  REQUIRE(error);
  CHECK(error->http_status == 503);
  CHECK(error->message ==
        "failed to schedule job due to: rpc error: code = Unavailable desc = not trusted");
  // A list that came earlier is as good as it was.
  f.hosts.Update({"a:1"});
  f.hosts.SetHopeless(absl::UnavailableError("not trusted"));
  CHECK_FALSE(f.Schedule(Request("x")));
}

TEST_CASE("jobs api: a call that waits for the host list ends when there is no hope left") {
  Fixture f;
  Waiter<std::string> messages;
  f.api.Schedule(Request("x"),
                 [&](const std::optional<ApiError>& error) { messages.Put(error->message); });
  f.hosts.SetHopeless(absl::UnavailableError("not trusted"));
  const auto message = messages.Take();
  REQUIRE(message);
  CHECK_THAT(*message, Catch::Contains("not trusted"));
}

TEST_CASE("jobs api: a call ends when its caller will not wait any longer") {
  Fixture f;
  Waiter<std::string> messages;
  const auto put = [&](const std::optional<ApiError>& error) { messages.Put(error->message); };
  for (const absl::Duration limit :
       {absl::Milliseconds(20), absl::ZeroDuration(), -absl::Seconds(1)}) {
    f.api.Schedule(Request("x"), put, limit);
    CHECK(messages.Take() == "failed to schedule job due to: context deadline exceeded");
  }
  f.hosts.Update({"a:1"});
  Waiter<bool> done;
  f.api.Schedule(
      Request("x"), [&](const std::optional<ApiError>& error) { done.Put(!error); },
      absl::Seconds(10));
  CHECK(done.Take() == true);
  CHECK(f.connection->last_timeout() <= absl::Seconds(10));
}

TEST_CASE("jobs api: a host list lets waiting calls go on, with what is left of their time") {
  Fixture f;
  Waiter<bool> done;
  f.api.Schedule(Request("x"), [&](const std::optional<ApiError>& error) { done.Put(!error); });
  f.hosts.Update({"a:1"});
  CHECK(done.Take() == true);
  CHECK(f.connection->last_timeout() <= absl::Seconds(30));
  CHECK(f.connection->last_timeout() > absl::Seconds(15));
}

TEST_CASE("jobs api: an empty host list fails calls at once") {
  Fixture f;
  f.hosts.Update({});
  CHECK(f.Schedule(Request("x"))->message ==
        "failed to schedule job due to: no scheduler client initialized");
}

TEST_CASE("jobs api: too many calls are refused") {
  JobsApiOptions options = Fixture::Options();
  options.max_calls = 2;
  Fixture f(options);
  f.hosts.Update({"a:1"});
  f.connection->SetHeld(true);
  Waiter<std::optional<ApiError>> held;
  for (const char* name : {"a", "b"}) {
    f.api.Schedule(Request(name),
                   [&](std::optional<ApiError> error) { held.Put(std::move(error)); });
  }
  const auto refused = f.Schedule(Request("c"));
  REQUIRE(refused);
  CHECK(refused->http_status == 429);
  CHECK(refused->grpc_code == absl::StatusCode::kResourceExhausted);
  f.connection->SetHeld(false);
  for (int i = 0; i < 2; ++i) {
    const auto error = held.Take();
    REQUIRE(error);
    CHECK_FALSE(*error);
  }
}

TEST_CASE("jobs api: schedules that the scheduler takes at once hold no thread") {
  JobsApiOptions options = Fixture::Options();
  options.threads = 1;
  options.max_calls = 3;
  Fixture f(options);
  f.hosts.Update({"a:1"});
  f.connection->SetStarts(true);
  Waiter<int> ends;  // HTTP status
  for (const char* name : {"a", "b", "c"}) {
    f.api.Schedule(Request(name),
                   [&](const std::optional<ApiError>& e) { ends.Put(e ? e->http_status : 204); });
  }
  CHECK(f.connection->last_request().name() == "c");
  CHECK(f.connection->last_request().metadata().app_id() == "my-app");
  CHECK(f.Schedule(Request("d"))->http_status == 429);

  REQUIRE(f.connection->EndStarted(absl::OkStatus()));
  CHECK(ends.Take() == 204);
  REQUIRE(f.connection->EndStarted(absl::AlreadyExistsError("job already exists: 'b'")));
  CHECK(ends.Take() == 409);
  // A scheduler that is shutting down: the call is made again, and waits.
  REQUIRE(f.connection->EndStarted(absl::CancelledError("shutting down")));
  CHECK(ends.Take() == 204);
  CHECK(f.connection->jobs().contains("c"));
}

TEST_CASE("jobs api: closing the hosts ends waiting calls") {
  Fixture f;
  Waiter<std::string> messages;
  f.api.Schedule(Request("x"),
                 [&](const std::optional<ApiError>& error) { messages.Put(error->message); });
  f.hosts.Close();
  CHECK(messages.Take() == "failed to schedule job due to: the sidecar is shutting down");
}

}  // namespace
}  // namespace belfry::sidecar
