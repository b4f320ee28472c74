// The rules of the two streams: who is let in, what ends a stream, what is ignored.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "grpcpp/client_context.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/watcher.h"

namespace belfry::integration {
namespace {

namespace pb = dapr::proto::scheduler::v1;
using grpc::StatusCode;

// Sends one message and expects the stream to end with an error.
void CheckRefused(const std::string& scheduler, const pb::WatchJobsRequest& first, StatusCode code,
                  const std::string& words) {
  INFO(first.ShortDebugString());
  Watcher watcher(scheduler, first);
  const auto status = watcher.Finish();
  REQUIRE(status.has_value());
  CHECK(status->error_code() == code);
  CHECK_THAT(status->error_message(), Catch::Contains(words));
}

TEST_CASE("a watcher that does not introduce itself properly is refused, and only it") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  Watcher other(scheduler.address(), WatchApp("app"));
  REQUIRE(client.Schedule("first", DueIn("0s")).ok());
  const auto first = other.Next();
  REQUIRE(first.has_value());
  CHECK(first->id() == 1);
  other.Answer(first->id());

  pb::WatchJobsRequest request;
  request.mutable_result()->set_id(1);
  CheckRefused(scheduler.address(), request, StatusCode::UNKNOWN,
               "initial request is required on stream connection");
  CheckRefused(scheduler.address(), pb::WatchJobsRequest(), StatusCode::UNKNOWN,
               "initial request is required on stream connection");
  for (const auto& [app_id, ns] :
       {std::pair("", "default"), std::pair("app", ""), std::pair("", "")}) {
    CheckRefused(scheduler.address(), WatchApp(app_id, ns), StatusCode::INVALID_ARGUMENT,
                 "missing namespace or appID in request");
  }
  request = WatchApp("app");
  request.mutable_initial()->add_accept_job_types(pb::JOB_TARGET_TYPE_JOB);
  CheckRefused(scheduler.address(), request, StatusCode::UNKNOWN,
               "duplicate target type specified: JOB_TARGET_TYPE_JOB");
  request.mutable_initial()->clear_accept_job_types();
  request.mutable_initial()->add_accept_job_types(pb::JOB_TARGET_TYPE_ACTOR_REMINDER);
  CheckRefused(scheduler.address(), request, StatusCode::INVALID_ARGUMENT, "actor types");
  CheckRefused(scheduler.address(), WatchApp("a/b"), StatusCode::INVALID_ARGUMENT, "app id");

  REQUIRE(client.Schedule("second", DueIn("0s")).ok());
  const auto second = other.Next();
  REQUIRE(second.has_value());
  CHECK(second->name() == "second");
  CHECK(second->id() == 2);
}

TEST_CASE("a watcher gets the kinds of jobs that it accepts") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  // Nothing in the list means both.
  pb::WatchJobsRequest both = WatchApp("app");
  both.mutable_initial()->clear_accept_job_types();
  both.mutable_initial()->add_actor_types("cat");
  Watcher watcher(scheduler.address(), both);
  REQUIRE(client.Schedule("job", WithText(DueIn("0s"), "text")).ok());
  auto trigger = watcher.Next();
  REQUIRE(trigger.has_value());
  CHECK(trigger->name() == "job");
  CHECK(trigger->metadata().app_id() == "app");
  CHECK(trigger->metadata().namespace_() == "default");
  CHECK(trigger->metadata().target().has_job());
  CHECK(trigger->data().type_url() == "type.googleapis.com/google.protobuf.StringValue");
  watcher.Answer(trigger->id());
  // Reminders belong to an actor type, whichever app wrote them.
  pb::JobMetadata reminder = ActorMetadata("cat", "tom");
  reminder.set_app_id("somebody-else");
  REQUIRE(client.Schedule("wake", DueIn("0s"), reminder).ok());
  trigger = watcher.Next();
  REQUIRE(trigger.has_value());
  CHECK(trigger->name() == "wake");
  CHECK(trigger->metadata().target().actor().id() == "tom");
  CHECK_FALSE(trigger->has_data());
  watcher.Answer(trigger->id());
  CHECK(Eventually([&] { return client.Names().empty() && client.Names(reminder).empty(); }));

  Watcher jobs_only(scheduler.address(), WatchApp("other"));
  REQUIRE(client.Schedule("wake", DueIn("0s"), ActorMetadata("dog", "rex")).ok());
  CHECK_FALSE(jobs_only.Next(kQuietTime).has_value());
}

TEST_CASE("answers to nothing are ignored, and answers may come in any order") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  Watcher watcher(scheduler.address(), WatchApp("app"));
  // Ids that none of the triggers below gets: these may come later than those.
  watcher.Answer(4);
  watcher.Answer(12345, pb::FAILED);
  std::vector<uint64_t> ids;
  for (const char* name : {"a", "b", "c"}) {
    REQUIRE(client.Schedule(name, DueIn("0s")).ok());
    const auto trigger = watcher.Next();
    REQUIRE(trigger.has_value());
    CHECK(trigger->name() == name);
    ids.push_back(trigger->id());
  }
  CHECK(ids == std::vector<uint64_t>{1, 2, 3});
  watcher.Answer(3);
  CHECK(Eventually([&] { return client.Names() == std::vector<std::string>{"a", "b"}; }));
  watcher.Answer(3);
  watcher.Answer(1);
  watcher.Answer(1, pb::FAILED);
  watcher.Answer(2);
  CHECK(Eventually([&] { return client.Names().empty(); }));
  CHECK_FALSE(watcher.Next(kQuietTime).has_value());
  CHECK_FALSE(watcher.Finish(std::chrono::milliseconds(0)).has_value());
}

TEST_CASE("a watcher that breaks the rules loses its stream, not its triggers") {
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  REQUIRE(client.Schedule("job", WithDrop(DueIn("0s"))).ok());
  pb::WatchJobsRequest unknown_status;
  unknown_status.mutable_result()->set_id(1);
  unknown_status.mutable_result()->set_status(static_cast<pb::WatchJobsRequestResultStatus>(7));
  for (const pb::WatchJobsRequest& wrong : {WatchApp("app"), unknown_status}) {
    INFO(wrong.ShortDebugString());
    Watcher watcher(scheduler.address(), WatchApp("app"));
    REQUIRE(watcher.Next().has_value());
    watcher.Send(wrong);
    const auto status = watcher.Finish();
    REQUIRE(status.has_value());
    CHECK_FALSE(status->ok());
  }
  // It was never answered FAILED, after which the policy would have dropped it.
  Watcher watcher(scheduler.address(), WatchApp("app"));
  const auto trigger = watcher.Next();
  REQUIRE(trigger.has_value());
  watcher.Answer(trigger->id());
  CHECK(Eventually([&] { return client.Names().empty(); }));
}

TEST_CASE("streams take turns, and a second trigger of a job waits for the answer to the first") {
  constexpr int kJobs = 6;
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  Watcher first(scheduler.address(), WatchApp("app"));
  REQUIRE(client.Schedule("probe", Recurring("@every 1ms")).ok());
  const auto probe = first.Next();
  REQUIRE(probe.has_value());
  CHECK_FALSE(first.Next(kQuietTime).has_value());
  REQUIRE(client.Delete("probe").ok());

  Watcher second(scheduler.address(), WatchApp("app"));
  // Once it has got a job, the second stream is known to be there.
  int sent = 0;
  REQUIRE(Eventually([&] {
    CHECK(client.Schedule("find-" + std::to_string(sent++), DueIn("0s")).ok());
    return second.Next(kPollPause).has_value();
  }));
  while (first.Next(kQuietTime).has_value() || second.Next(std::chrono::milliseconds(0))) {
  }
  for (int i = 0; i < kJobs; ++i) {
    REQUIRE(client.Schedule("turn-" + std::to_string(i), DueIn("0s")).ok());
  }
  for (int i = 0; i < kJobs / 2; ++i) {
    CHECK(first.Next().has_value());
    CHECK(second.Next().has_value());
  }
}

TEST_CASE("WatchHosts tells the scheduler's address once and stays open") {
  SchedulerProcess scheduler({.port = 0, .flags = {"--override-broadcast-host-port=proxy:1234"}});
  const auto stub = scheduler.NewStub();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
  const auto stream = stub->WatchHosts(&context, pb::WatchHostsRequest());
  pb::WatchHostsResponse response;
  REQUIRE(stream->Read(&response));
  REQUIRE(response.hosts_size() == 1);
  CHECK(response.hosts(0).address() == "proxy:1234");

  // A second message, or an end, would show before the cancellation does.
  std::thread canceller([&] {
    std::this_thread::sleep_for(kQuietTime);
    context.TryCancel();
  });
  const bool has_second = stream->Read(&response);
  canceller.join();
  CHECK_FALSE(has_second);
  CHECK(stream->Finish().error_code() == StatusCode::CANCELLED);

  // A listener on loopback is advertised as it is.
  SchedulerProcess local;
  grpc::ClientContext local_context;
  local_context.set_deadline(std::chrono::system_clock::now() + kWaitLimit);
  const auto local_stub = local.NewStub();
  const auto local_stream = local_stub->WatchHosts(&local_context, pb::WatchHostsRequest());
  REQUIRE(local_stream->Read(&response));
  REQUIRE(response.hosts_size() == 1);
  CHECK(response.hosts(0).address() == local.address());
  local_context.TryCancel();
}

}  // namespace
}  // namespace belfry::integration
