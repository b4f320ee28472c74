// What the scheduler's unary calls refuse, with which code and words.

#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::scheduler::v1;
using grpc::StatusCode;

void CheckStatus(const grpc::Status& status, StatusCode code, const std::string& words) {
  CHECK(status.error_code() == code);
  CHECK_THAT(status.error_message(), Catch::Contains(words));
}

// One of the calls, with a request that has nothing wrong but, perhaps, its metadata.
struct UnaryCall {
  std::string name;
  std::function<grpc::Status(SchedulerClient*, const pb::JobMetadata&)> run;
  // What its errors about the metadata begin with.
  std::string error_prefix;
};

std::vector<UnaryCall> AllCalls() {
  return {
      {"ScheduleJob",
       [](SchedulerClient* client, const pb::JobMetadata& metadata) {
         return client->Schedule("job", Recurring("@every 1h"), metadata);
       },
       ""},
      {"GetJob",
       [](SchedulerClient* client, const pb::JobMetadata& metadata) {
         return client->Get("job", metadata);
       },
       ""},
      {"DeleteJob",
       [](SchedulerClient* client, const pb::JobMetadata& metadata) {
         return client->Delete("job", metadata);
       },
       ""},
      {"ListJobs",
       [](SchedulerClient* client, const pb::JobMetadata& metadata) {
         std::vector<pb::NamedJob> jobs;
         return client->List(metadata, &jobs);
       },
       ""},
      {"DeleteByMetadata",
       [](SchedulerClient* client, const pb::JobMetadata& metadata) {
         return client->DeleteByMetadata(metadata);
       },
       "failed to parse metadata: "},
      {"DeleteByNamePrefix",
       [](SchedulerClient* client, const pb::JobMetadata& metadata) {
         return client->DeleteByNamePrefix(metadata, "job");
       },
       "failed to parse metadata: "},
  };
}

TEST_CASE("every call wants a namespace, an app id and a target") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  pb::JobMetadata no_target = AppMetadata();
  no_target.clear_target();
  pb::JobMetadata unset_target = AppMetadata();
  unset_target.mutable_target()->Clear();
  for (const UnaryCall& call : AllCalls()) {
    INFO(call.name);
    for (const pb::JobMetadata& metadata :
         {pb::JobMetadata(), AppMetadata("", "default"), AppMetadata("app", "")}) {
      const grpc::Status status = call.run(&client, metadata);
      CHECK(status.error_code() == StatusCode::INVALID_ARGUMENT);
      CHECK(status.error_message() == call.error_prefix + "missing namespace or appID in request");
    }
    CheckStatus(call.run(&client, no_target), StatusCode::INVALID_ARGUMENT, "unknown job type");
    CheckStatus(call.run(&client, unset_target), StatusCode::INVALID_ARGUMENT, "unknown job type");
    for (const pb::JobMetadata& metadata :
         {AppMetadata("a/b"), AppMetadata("app", "n\ns"), ActorMetadata("ty\\pe", "id"),
          ActorMetadata("type", "i#d"), ActorMetadata("type", std::string("i\0d", 3)),
          ActorMetadata("type", "..")}) {
      CheckStatus(call.run(&client, metadata), StatusCode::INVALID_ARGUMENT, call.error_prefix);
    }
  }
  CHECK(client.Names().empty());
}

TEST_CASE("names that are not allowed are refused, all others are not") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  const pb::Job job = Recurring("@every 1h");
  for (const std::string& name :
       {std::string(), std::string("a/b"), std::string("a\\b"), std::string("a#b"),
        std::string("a?b"), std::string("a\nb"), std::string("a\0b", 3), std::string("\x7F"),
        std::string("."), std::string(".."), std::string(600, 'a')}) {
    INFO("name of " << name.size() << " bytes: " << name);
    CheckStatus(client.Schedule(name, job), StatusCode::INVALID_ARGUMENT, "job name");
    CheckStatus(client.Get(name), StatusCode::INVALID_ARGUMENT, "job name");
    CheckStatus(client.Delete(name), StatusCode::INVALID_ARGUMENT, "job name");
  }
  CheckStatus(client.DeleteByNamePrefix(AppMetadata(), "a/"), StatusCode::INVALID_ARGUMENT,
              "name prefix");
  CHECK(client.Names().empty());

  for (const char* name : {"a||b", "my||job@name", "A b:c|", "...", "50%", "-", "\xC3\xA9"}) {
    INFO(name);
    CHECK(client.Schedule(name, job).ok());
    CHECK(client.Get(name).ok());
    CHECK(client.Delete(name).ok());
    CHECK_FALSE(client.Has(name));
  }
  // A reminder's actor may have an empty id.
  CHECK(client.Schedule("reminder", job, ActorMetadata("type", "")).ok());
  CHECK(client.Get("reminder", ActorMetadata("type", "")).ok());
}

TEST_CASE("a job that makes no sense is refused with the words that callers know") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  const auto check = [&client](const pb::Job& job, const std::string& words) {
    INFO(job.ShortDebugString());
    const grpc::Status status = client.Schedule("job", job);
    CheckStatus(status, StatusCode::INVALID_ARGUMENT, words);
    CHECK_THAT(status.error_message(), Catch::StartsWith("job failed validation: "));
  };
  check(pb::Job(), "job must have either a due time or a schedule");
  pb::Job job = DueIn("1h");
  job.set_repeats(2);
  check(job, "job must have a schedule to repeat");
  job.set_repeats(0);
  check(job, "defined repeats must be greater than 0");
  job = DueIn("1h");
  job.set_ttl("2h");
  check(job, "job must have a schedule to have a ttl");
  check(Recurring("61 * * * * *"), "schedule \"61 * * * * *\": second 61 is out of range 0-59");
  check(Recurring(""), "schedule");
  check(Recurring("* * * * *"), "expected exactly 6 fields, found 5");
  check(Recurring("@foo"), "schedule");
  check(Recurring("@every soon"), "schedule");
  check(Recurring("@every -1s"), "schedule");
  check(Recurring("TZ=Nowhere/Land 0 0 * * * *"), "Nowhere/Land");
  check(Recurring("TZ=Europe/Berlin"), "schedule");
  check(Recurring("TZ=Europe/Berlin @every 1s"), "schedule");
  check(Recurring("0 0 0 30 2 *"), "never fires");
  check(DueIn(""), "due time format not recognized");
  check(DueIn("tomorrow"), "due time format not recognized");
  check(DueIn("R5/PT1S"), "repeats not supported for due time");
  job = Recurring("@daily");
  job.set_ttl("soon");
  check(job, "ttl format not recognized");
  job.set_due_time("2h");
  job.set_ttl("2030-01-01T00:00:00Z");
  job.set_due_time("2030-01-01T00:00:01Z");
  check(job, "ttl must be greater than due time");
  job.set_due_time("2030-01-01T00:00:00Z");
  CHECK(client.Schedule("equal", job).ok());
  job = DueIn("1h");
  job.set_repeats(1);
  CHECK(client.Schedule("one-shot", job).ok());
  CHECK(client.Names() == std::vector<std::string>{"equal", "one-shot"});
}

TEST_CASE("a request without a job is refused and does no harm") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  for (const pb::JobMetadata& metadata : {AppMetadata(), ActorMetadata("type", "id")}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
    pb::ScheduleJobRequest request;
    request.set_name("job");
    *request.mutable_metadata() = metadata;
    pb::ScheduleJobResponse response;
    CheckStatus(client.stub().ScheduleJob(&context, request, &response),
                StatusCode::INVALID_ARGUMENT, "job is required");
  }
  CHECK(client.Schedule("job", DueIn("1h")).ok());
}

TEST_CASE("an existing name is refused unless it may be overwritten") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("job", Recurring("@every 1h")).ok());
  grpc::Status status = client.Schedule("job", Recurring("@every 2h"));
  CHECK(status.error_code() == StatusCode::ALREADY_EXISTS);
  CHECK(status.error_message() == "job already exists: 'app||default||app||job'");
  pb::Job job;
  REQUIRE(client.Get("job", AppMetadata(), &job).ok());
  CHECK(job.schedule() == "@every 1h");
  CHECK(client.Schedule("job", Recurring("@every 2h"), AppMetadata(), true).ok());
  REQUIRE(client.Get("job", AppMetadata(), &job).ok());
  CHECK(job.schedule() == "@every 2h");

  const pb::JobMetadata actor = ActorMetadata("type", "id");
  REQUIRE(client.Schedule("job", Recurring("@every 1h"), actor).ok());
  status = client.Schedule("job", Recurring("@every 1h"), actor);
  CHECK(status.error_code() == StatusCode::ALREADY_EXISTS);
  CHECK(status.error_message() == "job already exists: 'actorreminder||default||type||id||job'");
}

TEST_CASE("a job is read back as it was written, with its default policy") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  pb::Job job = WithText(Recurring("TZ=Europe/Berlin 0 0 12 * * *"), "payload");
  job.set_due_time("PT10H");
  job.set_ttl("9000h");
  job.set_repeats(7);
  REQUIRE(client.Schedule("job", job).ok());
  pb::Job read;
  REQUIRE(client.Get("job", AppMetadata(), &read).ok());
  CHECK(read.failure_policy().constant().interval().seconds() == 1);
  CHECK(read.failure_policy().constant().max_retries() == 3);
  read.clear_failure_policy();
  CHECK(read.SerializeAsString() == job.SerializeAsString());

  // A policy with nothing in it is none; one with something in it stays as it is.
  job.mutable_failure_policy();
  REQUIRE(client.Schedule("unset", job).ok());
  REQUIRE(client.Get("unset", AppMetadata(), &read).ok());
  CHECK(read.failure_policy().constant().max_retries() == 3);
  job.mutable_failure_policy()->mutable_constant();
  REQUIRE(client.Schedule("bare", job).ok());
  REQUIRE(client.Get("bare", AppMetadata(), &read).ok());
  CHECK(read.failure_policy().has_constant());
  CHECK_FALSE(read.failure_policy().constant().has_interval());
  CHECK_FALSE(read.failure_policy().constant().has_max_retries());
}

TEST_CASE("a job that is not there: get says so, delete does not mind") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  const grpc::Status status = client.Get("nobody");
  CHECK(status.error_code() == StatusCode::NOT_FOUND);
  CHECK(status.error_message() == "job not found: nobody");
  CHECK(client.Delete("nobody").ok());
  CHECK(client.DeleteByMetadata(AppMetadata()).ok());
  CHECK(client.DeleteByNamePrefix(AppMetadata(), "").ok());
  CHECK(client.Names().empty());
}

TEST_CASE("lists are in byte order and hold one owner's jobs only") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  const pb::Job job = WithText(Recurring("@every 1h"), "x");
  for (const char* name : {"b", "a||b", "a", "B", "a b"}) REQUIRE(client.Schedule(name, job).ok());
  CHECK(client.Names() == std::vector<std::string>{"B", "a", "a b", "a||b", "b"});

  REQUIRE(client.Schedule("one", job, ActorMetadata("type", "a")).ok());
  REQUIRE(client.Schedule("two", job, ActorMetadata("type", "a||b")).ok());
  REQUIRE(client.Schedule("three", job, ActorMetadata("type2", "a")).ok());
  CHECK(client.Names(ActorMetadata("type", "a")) == std::vector<std::string>{"one"});
  CHECK(client.Names(ActorMetadata("type", "a||b")) == std::vector<std::string>{"two"});
  CHECK(client.Names(ActorMetadata("type", "")) == std::vector<std::string>{"one", "two"});
  std::vector<pb::NamedJob> jobs;
  REQUIRE(client.List(ActorMetadata("type2", ""), &jobs).ok());
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].metadata().target().actor().id() == "a");
  CHECK(jobs[0].job().schedule() == "@every 1h");
  CHECK(jobs[0].job().data().SerializeAsString() == job.data().SerializeAsString());
}

TEST_CASE("deletes of many reach as far as they say and no further") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  const pb::Job job = Recurring("@every 1h");
  using Names = std::vector<std::string>;
  for (const char* name : {"day-1", "day-2", "night"}) {
    for (const char* app : {"app", "app2"}) {
      REQUIRE(client.Schedule(name, job, AppMetadata(app)).ok());
    }
  }
  CHECK(client.DeleteByNamePrefix(AppMetadata(), "day-").ok());
  CHECK(client.Names() == Names{"night"});
  CHECK(client.Names(AppMetadata("app2")) == Names{"day-1", "day-2", "night"});
  // An app id is matched whole, whatever is asked for.
  CHECK(client.DeleteByMetadata(AppMetadata(), true).ok());
  CHECK(client.Names().empty());
  CHECK(client.Names(AppMetadata("app2")).size() == 3);
  // What comes after a delete is not touched by it.
  REQUIRE(client.Schedule("day-1", job).ok());
  CHECK(client.Names() == Names{"day-1"});

  for (const char* id : {"1", "10", "2"}) {
    REQUIRE(client.Schedule("wake", job, ActorMetadata("cat", id)).ok());
    REQUIRE(client.Schedule("wake", job, ActorMetadata("cattle", id)).ok());
  }
  CHECK(client.DeleteByMetadata(ActorMetadata("cat", "1"), false).ok());
  CHECK(client.Names(ActorMetadata("cat", "")).size() == 2);
  CHECK(client.DeleteByMetadata(ActorMetadata("cat", "1"), true).ok());
  CHECK(client.Names(ActorMetadata("cat", "")).size() == 1);
  CHECK(client.DeleteByNamePrefix(ActorMetadata("cattle", "2"), "").ok());
  CHECK(client.Names(ActorMetadata("cattle", "")).size() == 2);
  CHECK(client.DeleteByMetadata(ActorMetadata("cat", ""), true).ok());
  CHECK(client.Names(ActorMetadata("cat", "")).empty());
  CHECK(client.Names(ActorMetadata("cattle", "")).empty());
}

}  // namespace
}  // namespace belfry::integration
