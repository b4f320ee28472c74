// Client over a connection that answers from a script and a clock that only sleeping moves.

#include "belfry/client.h"

#include <catch2/catch.hpp>
#include <deque>

namespace belfry {
namespace {

namespace wire = dapr::proto::scheduler::v1;

constexpr absl::Duration kMinPause = absl::Milliseconds(125);
constexpr absl::Duration kMaxPause = absl::Milliseconds(375);

class FakeConnection final : public Connection {
 public:
  // What the next calls answer; OK once it is used up.
  std::deque<absl::Status> script;
  int calls = 0;
  std::vector<absl::Duration> timeouts;
  wire::ScheduleJobRequest schedule;
  wire::GetJobRequest get;
  wire::DeleteJobRequest remove;
  wire::ListJobsRequest list;
  wire::DeleteByNamePrefixRequest remove_prefix;
  wire::Job stored;
  std::vector<std::string> listed;

  bool starts = false;

  bool StartScheduleJob(wire::ScheduleJobRequest request, absl::Duration timeout,
                        Done done) override {
    if (!starts) return false;
    schedule = std::move(request);
    done(Next(timeout));
    return true;
  }
  absl::Status ScheduleJob(const wire::ScheduleJobRequest& request,
                           absl::Duration timeout) override {
    schedule = request;
    return Next(timeout);
  }
  absl::StatusOr<wire::GetJobResponse> GetJob(const wire::GetJobRequest& request,
                                              absl::Duration timeout) override {
    get = request;
    if (absl::Status status = Next(timeout); !status.ok()) return status;
    wire::GetJobResponse response;
    *response.mutable_job() = stored;
    return response;
  }
  absl::Status DeleteJob(const wire::DeleteJobRequest& request, absl::Duration timeout) override {
    remove = request;
    return Next(timeout);
  }
  absl::StatusOr<wire::ListJobsResponse> ListJobs(const wire::ListJobsRequest& request,
                                                  absl::Duration timeout) override {
    list = request;
    if (absl::Status status = Next(timeout); !status.ok()) return status;
    wire::ListJobsResponse response;
    for (const std::string& name : listed) response.add_jobs()->set_name(name);
    return response;
  }
  absl::Status DeleteByMetadata(const wire::DeleteByMetadataRequest&,
                                absl::Duration timeout) override {
    return Next(timeout);
  }
  absl::Status DeleteByNamePrefix(const wire::DeleteByNamePrefixRequest& request,
                                  absl::Duration timeout) override {
    remove_prefix = request;
    return Next(timeout);
  }
  std::vector<std::string> addresses() const override { return {}; }
  void SetAddresses(std::vector<std::string>) override {}

 private:
  absl::Status Next(absl::Duration timeout) {
    ++calls;
    timeouts.push_back(timeout);
    if (script.empty()) return absl::OkStatus();
    absl::Status status = script.front();
    script.pop_front();
    return status;
  }
};

struct Fixture {
  absl::Duration now = absl::Seconds(1000);
  std::vector<absl::Duration> sleeps;
  std::shared_ptr<FakeConnection> connection = std::make_shared<FakeConnection>();
  Client client{Options(), connection, Time()};

  static ClientOptions Options() {
    ClientOptions options;
    options.ns = "space";
    options.app_id = "shop";
    options.call_timeout = absl::Seconds(30);
    return options;
  }
  RetryTime Time() {
    RetryTime time;
    time.monotonic = [this] { return now; };
    time.sleep = [this](absl::Duration pause) {
      sleeps.push_back(pause);
      now += pause;
    };
    return time;
  }
};

void CheckMetadata(const wire::JobMetadata& metadata) {
  CHECK(metadata.app_id() == "shop");
  CHECK(metadata.namespace_() == "space");
  CHECK(metadata.target().has_job());
}

TEST_CASE_METHOD(Fixture, "Schedule sends name, job, owner and overwrite") {
  wire::Job job;
  job.set_schedule("@every 1s");
  CHECK(client.Schedule("tidy", job).ok());
  CHECK(connection->schedule.name() == "tidy");
  CHECK(connection->schedule.job().schedule() == "@every 1s");
  CHECK_FALSE(connection->schedule.overwrite());
  CheckMetadata(connection->schedule.metadata());

  CHECK(client.Schedule("tidy", job, true).ok());
  CHECK(connection->schedule.overwrite());
  CHECK(connection->timeouts == std::vector<absl::Duration>(2, absl::Seconds(30)));
}

TEST_CASE_METHOD(Fixture, "A schedule that is started asks for the same, and repeats nothing") {
  wire::Job job;
  job.set_schedule("@hourly");
  std::vector<absl::Status> told;
  const auto start = [&] {
    return client.StartSchedule("report", job, true,
                                [&](absl::Status status) { told.push_back(std::move(status)); });
  };
  CHECK_FALSE(start());
  connection->starts = true;
  connection->script = {absl::CancelledError("shutting down")};
  CHECK(start());
  CHECK(told == std::vector<absl::Status>{absl::CancelledError("shutting down")});
  CHECK(connection->calls == 1);
  CHECK(connection->timeouts.back() == absl::Seconds(30));
  CHECK(connection->schedule.name() == "report");
  CHECK(connection->schedule.job().schedule() == "@hourly");
  CHECK(connection->schedule.overwrite());
  CheckMetadata(connection->schedule.metadata());
}

TEST_CASE_METHOD(Fixture, "Get returns the job as the scheduler has it") {
  connection->stored.set_due_time("10s");
  const auto job = client.Get("tidy");
  REQUIRE(job.ok());
  CHECK(job->due_time() == "10s");
  CHECK_FALSE(job->has_schedule());
  CHECK(connection->get.name() == "tidy");
  CheckMetadata(connection->get.metadata());
}

TEST_CASE_METHOD(Fixture, "List returns all jobs in the scheduler's order") {
  connection->listed = {"a", "b", "c"};
  const auto jobs = client.List();
  REQUIRE(jobs.ok());
  REQUIRE(jobs->size() == 3);
  CHECK(jobs->at(0).name() == "a");
  CHECK(jobs->at(2).name() == "c");
  CheckMetadata(connection->list.metadata());
}

TEST_CASE_METHOD(Fixture, "Delete and DeletePrefix name what they delete") {
  CHECK(client.Delete("tidy").ok());
  CHECK(connection->remove.name() == "tidy");
  CheckMetadata(connection->remove.metadata());
  CHECK(client.DeletePrefix("ti").ok());
  CHECK(connection->remove_prefix.name_prefix() == "ti");
  CheckMetadata(connection->remove_prefix.metadata());
}

TEST_CASE_METHOD(Fixture, "A scheduler that is shutting down is left for the next one") {
  connection->script = {absl::CancelledError("closing"), absl::CancelledError("closing")};
  CHECK(client.Schedule("tidy", wire::Job()).ok());
  CHECK(connection->calls == 3);
  REQUIRE(sleeps.size() == 2);
  for (const absl::Duration pause : sleeps) {
    CHECK(pause >= kMinPause);
    CHECK(pause <= kMaxPause);
  }
  // Each try gets the time that is left, not a new timeout.
  CHECK(connection->timeouts[0] == absl::Seconds(30));
  CHECK(connection->timeouts[1] == absl::Seconds(30) - sleeps[0]);
  CHECK(connection->timeouts[2] == absl::Seconds(30) - sleeps[0] - sleeps[1]);
}

TEST_CASE_METHOD(Fixture, "Every call follows the retry rule") {
  connection->script = {absl::CancelledError("closing")};
  SECTION("get") { CHECK(client.Get("tidy").ok()); }
  SECTION("list") { CHECK(client.List().ok()); }
  SECTION("delete") { CHECK(client.Delete("tidy").ok()); }
  SECTION("delete prefix") { CHECK(client.DeletePrefix("").ok()); }
  CHECK(connection->calls == 2);
}

TEST_CASE_METHOD(Fixture, "Retrying ends with the timeout") {
  connection->script.assign(1000, absl::CancelledError("closing"));
  const absl::Duration start = now;
  const absl::Status status = client.Delete("tidy");
  CHECK(status.code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(now - start <= absl::Seconds(30));
  CHECK(now - start >= absl::Seconds(29));
  CHECK(connection->calls >= 80);
  CHECK(connection->calls <= 241);
}

TEST_CASE_METHOD(Fixture, "Nothing but CANCELLED is retried") {
  const auto code =
      GENERATE(absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
               absl::StatusCode::kAlreadyExists, absl::StatusCode::kNotFound,
               absl::StatusCode::kInternal, absl::StatusCode::kUnknown, absl::StatusCode::kAborted,
               absl::StatusCode::kResourceExhausted, absl::StatusCode::kInvalidArgument);
  connection->script = {absl::Status(code, "why")};
  const absl::Status status = client.Schedule("tidy", wire::Job());
  CHECK(status.code() == code);
  CHECK(std::string(status.message()) == "why");
  CHECK(connection->calls == 1);
  CHECK(sleeps.empty());
}

}  // namespace
}  // namespace belfry
