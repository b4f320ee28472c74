#include "server/watch_jobs.h"

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/unit/server/running_server.h"

namespace belfry::server {
namespace {

TEST_CASE("a trigger carries the job, and its answer settles it") {
  RunningServer server;
  TestWatcher watcher(server);
  watcher.Begin();
  pb::ScheduleJobRequest request = JobRequest("j", AppMetadata(), "0s");
  request.mutable_job()->mutable_data()->set_type_url("type.example/x");
  request.mutable_job()->mutable_data()->set_value("payload");
  REQUIRE(server.Schedule(request).ok());

  const pb::WatchJobsResponse trigger = watcher.Next();
  CHECK(trigger.name() == "j");
  CHECK(trigger.id() == 1);
  CHECK(trigger.data().value() == "payload");
  CHECK(trigger.metadata().SerializeAsString() == AppMetadata().SerializeAsString());

  watcher.Answer(trigger.id(), pb::SUCCESS);
  CHECK(EventuallyHasSample(server, "dapr_scheduler_jobs_triggered_total{type=\"job\"}", "1"));
  CHECK(EventuallyHasSample(server, "dapr_scheduler_sidecars_connected", "1"));
  // The only tick is done, so the job is gone once the answer has been processed.
  const auto end = std::chrono::steady_clock::now() + kCallTimeout;
  pb::GetJobResponse got;
  grpc::StatusCode code = grpc::StatusCode::OK;
  while (code == grpc::StatusCode::OK && std::chrono::steady_clock::now() < end) {
    code = server.Get("j", AppMetadata(), &got).error_code();
  }
  CHECK(code == grpc::StatusCode::NOT_FOUND);
}

TEST_CASE("a limit that a watcher declares is kept, and jobs of other keys pass by") {
  RunningServer server;
  TestWatcher watcher(server);
  pb::WatchJobsRequest first;
  first.mutable_initial()->set_namespace_("ns");
  first.mutable_initial()->set_app_id("app");
  first.mutable_initial()->add_actor_types("Cart");
  pb::ConcurrencyLimit* limit = first.mutable_initial()->add_concurrency_limits();
  limit->set_max_concurrent(1);
  limit->set_name("hot");
  limit->mutable_actor()->set_type("Cart");
  watcher.Write(first);

  pb::JobMetadata metadata = ActorMetadata("Cart", "1");
  for (const char* name : {"hot1", "hot2", "cold"}) {
    metadata.set_concurrency_key(std::string(name).substr(0, 3) == "hot" ? "hot" : "cold");
    REQUIRE(server.Schedule(JobRequest(name, metadata, "0s")).ok());
  }
  const pb::WatchJobsResponse trigger = watcher.Next();
  CHECK(trigger.name() == "hot1");
  CHECK(trigger.metadata().concurrency_key() == "hot");
  CHECK(watcher.Next().name() == "cold");
  const auto metric = [](const std::string& name) {
    return "dapr_scheduler_concurrency_" + name + "{concurrency_key=\"Cart:hot\"}";
  };
  CHECK(server.HasSample(metric("inflight"), "1"));
  CHECK(server.HasSample(metric("pending"), "1"));
  CHECK(server.HasSample(metric("throttled_total"), "1"));
  watcher.Answer(trigger.id(), pb::FAILED);
  CHECK(watcher.Next().name() == "hot2");
}

TEST_CASE("a failed trigger comes again as its policy says") {
  RunningServer server;
  TestWatcher watcher(server);
  watcher.Begin();
  pb::ScheduleJobRequest request = JobRequest("j", AppMetadata(), "0s");
  request.mutable_job()->mutable_failure_policy()->mutable_constant()->set_max_retries(1);
  REQUIRE(server.Schedule(request).ok());
  watcher.Answer(watcher.Next().id(), pb::FAILED);
  const pb::WatchJobsResponse again = watcher.Next();
  CHECK(again.name() == "j");
  CHECK(again.id() == 2);
  watcher.Answer(again.id(), pb::SUCCESS);
  CHECK(EventuallyHasSample(server, "dapr_scheduler_jobs_failed_total{type=\"job\"}", "1"));
}

TEST_CASE("answers may come in any order, unknown and repeated ones are ignored") {
  RunningServer server;
  TestWatcher watcher(server);
  watcher.Begin();
  for (const char* name : {"a", "b", "c"}) {
    REQUIRE(server.Schedule(JobRequest(name, AppMetadata(), "0s")).ok());
  }
  for (int i = 0; i < 3; ++i) watcher.Next();
  for (const uint64_t id : {3, 3, 77, 1, 0, 2, 1}) watcher.Answer(id, pb::SUCCESS);
  CHECK(EventuallyHasSample(server, "dapr_scheduler_jobs_triggered_total{type=\"job\"}", "3"));
  // The stream is still good.
  REQUIRE(server.Schedule(JobRequest("d", AppMetadata(), "0s")).ok());
  CHECK(watcher.Next().name() == "d");
}

TEST_CASE("reminders go to the watchers of their actor type") {
  RunningServer server;
  TestWatcher cats(server);
  cats.Begin("hosts-cats", {"cat"});
  TestWatcher dogs(server);
  dogs.Begin("hosts-dogs", {"dog"});
  REQUIRE(server.Schedule(JobRequest("of-dog", ActorMetadata("dog", "1"), "0s")).ok());
  REQUIRE(server.Schedule(JobRequest("of-cat", ActorMetadata("cat", ""), "0s")).ok());
  CHECK(cats.Next().name() == "of-cat");
  CHECK(dogs.Next().name() == "of-dog");
}

TEST_CASE("a job that is due before anyone watches waits") {
  RunningServer server;
  REQUIRE(server.Schedule(JobRequest("j", AppMetadata(), "0s")).ok());
  TestWatcher watcher(server);
  watcher.Begin();
  CHECK(watcher.Next().name() == "j");
}

TEST_CASE("the triggers of a stream that ends go to another one") {
  RunningServer server;
  auto first = std::make_unique<TestWatcher>(server);
  first->Begin();
  // A job that comes first counts as undelivered.
  REQUIRE(EventuallyHasSample(server, "dapr_scheduler_sidecars_connected", "1"));
  REQUIRE(server.Schedule(JobRequest("j", AppMetadata(), "0s")).ok());
  CHECK(first->Next().name() == "j");

  TestWatcher second(server);
  second.Begin();
  CHECK(EventuallyHasSample(server, "dapr_scheduler_sidecars_connected", "2"));
  SECTION("because the client closes its side") {
    first->CloseSending();
    CHECK(first->End().ok());
  }
  SECTION("because the client cancels") {
    first->Cancel();
    CHECK(first->End().error_code() == grpc::StatusCode::CANCELLED);
  }
  SECTION("because the client breaks a rule") {
    first->Answer(1, 2);
    CHECK(first->End().error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  }
  SECTION("because its connection is gone") { first.reset(); }
  const pb::WatchJobsResponse again = second.Next();
  CHECK(again.name() == "j");
  CHECK(again.id() == 1);
  second.Answer(again.id(), pb::SUCCESS);
  CHECK(EventuallyHasSample(server, "dapr_scheduler_jobs_undelivered_total{type=\"job\"}", "1"));
  CHECK(EventuallyHasSample(server, "dapr_scheduler_jobs_triggered_total{type=\"job\"}", "1"));
  CHECK(EventuallyHasSample(server, "dapr_scheduler_sidecars_connected", "1"));
}

TEST_CASE("a job that comes due while nobody is connected counts as undelivered, once") {
  RunningServer server;
  REQUIRE(server.Schedule(JobRequest("j", AppMetadata(), "0s")).ok());
  REQUIRE(server.Schedule(JobRequest("later", AppMetadata(), "1h")).ok());
  CHECK(EventuallyHasSample(server, "dapr_scheduler_jobs_undelivered_total{type=\"job\"}", "1"));
  TestWatcher watcher(server);
  watcher.Begin();
  const pb::WatchJobsResponse trigger = watcher.Next();
  CHECK(trigger.name() == "j");
  watcher.Answer(trigger.id(), pb::SUCCESS);
  CHECK(EventuallyHasSample(server, "dapr_scheduler_jobs_triggered_total{type=\"job\"}", "1"));
  CHECK(EventuallyHasSample(server, "dapr_scheduler_jobs_undelivered_total{type=\"job\"}", "1"));
}

TEST_CASE("a stream must begin with what it watches") {
  RunningServer server;
  TestWatcher watcher(server);
  SECTION("and not with an answer") { watcher.Answer(1, pb::SUCCESS); }
  SECTION("and not with nothing") { watcher.Write(pb::WatchJobsRequest{}); }
  SECTION("and not end before") { watcher.CloseSending(); }
  const grpc::Status status = watcher.End();
  CHECK(status.error_code() == grpc::StatusCode::UNKNOWN);
  CHECK(status.error_message() == "initial request is required on stream connection");
}

TEST_CASE("a stream is refused that watches nothing, and others stay") {
  RunningServer server;
  TestWatcher good(server);
  good.Begin();

  TestWatcher bad(server);
  pb::WatchJobsRequest request;
  request.mutable_initial()->set_namespace_("ns");
  request.mutable_initial()->set_app_id("app");
  grpc::StatusCode expected = grpc::StatusCode::INVALID_ARGUMENT;
  SECTION("for want of an app id") { request.mutable_initial()->clear_app_id(); }
  SECTION("for want of actor types") {
    request.mutable_initial()->add_accept_job_types(pb::JOB_TARGET_TYPE_ACTOR_REMINDER);
  }
  SECTION("for naming a job type twice") {
    request.mutable_initial()->add_accept_job_types(pb::JOB_TARGET_TYPE_JOB);
    request.mutable_initial()->add_accept_job_types(pb::JOB_TARGET_TYPE_JOB);
    expected = grpc::StatusCode::UNKNOWN;
  }
  bad.Write(request);
  CHECK(bad.End().error_code() == expected);

  REQUIRE(server.Schedule(JobRequest("j", AppMetadata(), "0s")).ok());
  CHECK(good.Next().name() == "j");
}

TEST_CASE("a second first message ends the stream") {
  RunningServer server;
  TestWatcher watcher(server);
  watcher.Begin();
  watcher.Begin();
  CHECK(watcher.End().error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(EventuallyHasSample(server, "dapr_scheduler_sidecar_errors_total{reason=\"recv_failed\"}",
                            "1"));
}

TEST_CASE("a stream takes more than its limit of unsent bytes in the end") {
  RunningServer server;
  TestWatcher watcher(server);
  watcher.Begin();
  // Together three times the limit, and nothing is read until all are due.
  constexpr int kJobs = 12;
  for (int i = 0; i < kJobs; ++i) {
    pb::ScheduleJobRequest request = JobRequest("j" + std::to_string(i), AppMetadata(), "0s");
    request.mutable_job()->mutable_data()->set_value(std::string(size_t{1} << 20, 'x'));
    REQUIRE(server.Schedule(request).ok());
  }
  std::set<std::string> names;
  for (int i = 0; i < kJobs; ++i) {
    const pb::WatchJobsResponse trigger = watcher.Next();
    names.insert(trigger.name());
    watcher.Answer(trigger.id(), pb::SUCCESS);
  }
  CHECK(names.size() == kJobs);
}

TEST_CASE("streams come and go while jobs fire, and no job is lost") {
  RunningServer server;
  constexpr int kJobs = 50;
  constexpr int kThreads = 3;
  constexpr int kStreamsPerThread = 8;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&server, i] {
      for (int k = 0; k < kStreamsPerThread; ++k) {
        TestWatcher watcher(server);
        if ((i + k) % 4 != 0) watcher.TryBegin();
        // Gone at different moments, with and without triggers that it has not answered.
        std::this_thread::sleep_for(std::chrono::milliseconds(k));
        if (k % 2 == 0) watcher.Cancel();
      }
    });
  }
  for (int i = 0; i < kJobs; ++i) {
    REQUIRE(server.Schedule(JobRequest("j" + std::to_string(i), AppMetadata(), "0s")).ok());
  }
  for (std::thread& thread : threads) thread.join();

  TestWatcher steady(server);
  steady.Begin();
  std::set<std::string> names;
  while (names.size() < kJobs) {
    const pb::WatchJobsResponse trigger = steady.Next();
    names.insert(trigger.name());
    steady.Answer(trigger.id(), pb::SUCCESS);
  }
  CHECK(EventuallyHasSample(server, "dapr_scheduler_jobs_triggered_total{type=\"job\"}",
                            std::to_string(kJobs)));
  CHECK(EventuallyHasSample(server, "dapr_scheduler_sidecars_connected", "1"));
}

TEST_CASE("a stop ends streams at once, also those that have said nothing yet") {
  RunningServer server;
  TestWatcher silent(server);
  TestWatcher watching(server);
  watching.Begin();
  CHECK(EventuallyHasSample(server, "dapr_scheduler_sidecars_connected", "1"));
  const auto begin = std::chrono::steady_clock::now();
  server.Stop();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(3));
  CHECK(silent.End().error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(watching.End().error_code() == grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace belfry::server
