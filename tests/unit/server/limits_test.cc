// The limits that flags set, over the wire.

#include "scheduler/base/limits.h"

#include <future>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/unit/server/running_server.h"

namespace belfry::server {
namespace {

using grpc::StatusCode;

void CheckRefused(const grpc::Status& status, const std::string& limit) {
  CHECK(status.error_code() == StatusCode::RESOURCE_EXHAUSTED);
  CHECK_THAT(status.error_message(), Catch::Contains("limit: " + limit));
}

pb::WatchJobsRequest First() {
  pb::WatchJobsRequest first;
  first.mutable_initial()->set_namespace_("ns");
  first.mutable_initial()->set_app_id("app");
  return first;
}

TEST_CASE("a job may be so large, whatever makes it so") {
  Limits limits;
  limits.max_job_bytes = 10000;
  RunningServer server(limits);
  pb::ScheduleJobRequest request = JobRequest("j", AppMetadata(), "1h");
  request.mutable_job()->mutable_data()->set_value(std::string(9000, 'x'));
  CHECK(server.Schedule(request).ok());
  SECTION("the payload") {
    request.mutable_job()->mutable_data()->set_value(std::string(10000, 'x'));
  }
  SECTION("other fields") {
    request.mutable_job()->mutable_data()->set_type_url(std::string(9000, 'u'));
  }
  request.set_name("k");
  CheckRefused(server.Schedule(request), "--max-job-bytes=10000");
  // So much that it is not even read.
  request.mutable_job()->mutable_data()->set_value(std::string(1000000, 'x'));
  CHECK(server.Schedule(request).error_code() == StatusCode::RESOURCE_EXHAUSTED);
  CHECK(server.List(AppMetadata()).second == std::vector<std::string>{"j"});
}

TEST_CASE("a namespace may have so many jobs") {
  Limits limits;
  limits.max_jobs_per_namespace = 1;
  RunningServer server(limits);
  CHECK(server.Schedule(JobRequest("a", AppMetadata(), "1h")).ok());
  CheckRefused(server.Schedule(JobRequest("b", AppMetadata(), "1h")), "--max-jobs-per-namespace=1");
  CHECK(server.Delete("a", AppMetadata()).ok());
  CHECK(server.Schedule(JobRequest("b", AppMetadata(), "1h")).ok());
}

TEST_CASE("jobs of one actor type may have so many concurrency keys") {
  Limits limits;
  limits.max_concurrency_keys = 1;
  RunningServer server(limits);
  pb::JobMetadata metadata = ActorMetadata("Cart", "1");
  metadata.set_concurrency_key("a");
  CHECK(server.Schedule(JobRequest("a", metadata, "1h")).ok());
  metadata.set_concurrency_key("b");
  CheckRefused(server.Schedule(JobRequest("b", metadata, "1h")), "--max-concurrency-keys=1");
}

TEST_CASE("so many streams may be open, and the rest go on") {
  Limits limits;
  limits.max_streams = 2;
  RunningServer server(limits);
  auto first = std::make_unique<TestWatcher>(server);
  first->Begin();
  REQUIRE(server.Schedule(JobRequest("a", AppMetadata(), "0s")).ok());
  CHECK(first->Next().name() == "a");
  const auto hosts_stub = server.NewStub();
  grpc::ClientContext context;
  LimitTime(&context);
  const auto hosts = hosts_stub->WatchHosts(&context, pb::WatchHostsRequest());
  pb::WatchHostsResponse response;
  REQUIRE(hosts->Read(&response));

  TestWatcher third(server);
  CheckRefused(third.End(), "--max-streams=2");
  grpc::ClientContext more_context;
  LimitTime(&more_context);
  const auto more_hosts = hosts_stub->WatchHosts(&more_context, pb::WatchHostsRequest());
  CHECK_FALSE(more_hosts->Read(&response));
  CheckRefused(more_hosts->Finish(), "--max-streams=2");

  first->Answer(1, pb::SUCCESS);
  first.reset();
  // A place is free again once the end of the first stream has been seen.
  const auto end = std::chrono::steady_clock::now() + kCallTimeout;
  bool let_in = false;
  while (!let_in && std::chrono::steady_clock::now() < end) {
    TestWatcher next(server);
    if (!next.TryBegin()) continue;
    REQUIRE(server.Schedule(JobRequest("b", AppMetadata(), "0s")).ok());
    pb::WatchJobsResponse trigger;
    let_in = next.TryNext(&trigger);
    server.Delete("b", AppMetadata());
  }
  CHECK(let_in);
  context.TryCancel();
  hosts->Finish();
}

TEST_CASE("one stream may name so many targets and limits") {
  Limits limits;
  limits.max_stream_targets = 3;
  limits.max_stream_limits = 1;
  RunningServer server(limits);
  pb::WatchJobsRequest first = First();
  for (const char* type : {"a", "b"}) first.mutable_initial()->add_actor_types(type);
  TestWatcher good(server);
  good.Write(first);
  TestWatcher bad(server);
  SECTION("targets") {
    first.mutable_initial()->add_actor_types("c");
    bad.Write(first);
    CheckRefused(bad.End(), "--max-stream-targets=3");
  }
  SECTION("limits") {
    for (int i = 1; i <= 2; ++i) {
      pb::ConcurrencyLimit* limit = first.mutable_initial()->add_concurrency_limits();
      limit->set_max_concurrent(i);
      limit->mutable_actor()->set_type("a");
    }
    bad.Write(first);
    CheckRefused(bad.End(), "--max-stream-limits=1");
  }
  REQUIRE(server.Schedule(JobRequest("a", AppMetadata(), "0s")).ok());
  CHECK(good.Next().name() == "a");
}

TEST_CASE("a stream has so many triggers unanswered, the rest waits and nothing is refused") {
  Limits limits;
  limits.max_in_flight = 1;
  RunningServer server(limits);
  TestWatcher watcher(server);
  watcher.Begin();
  // One after the other: jobs of one moment may come in any order.
  REQUIRE(server.Schedule(JobRequest("a", AppMetadata(), "0s")).ok());
  CHECK(watcher.Next().name() == "a");
  REQUIRE(server.Schedule(JobRequest("b", AppMetadata(), "0s")).ok());
  // Of another app, so that what follows shows that "b" is not on its way.
  TestWatcher other(server);
  other.Begin("other");
  REQUIRE(server.Schedule(JobRequest("c", AppMetadata("other"), "0s")).ok());
  CHECK(other.Next().name() == "c");
  watcher.Answer(1, pb::SUCCESS);
  const pb::WatchJobsResponse second = watcher.Next();
  CHECK(second.name() == "b");
  CHECK(second.id() == 2);
}

TEST_CASE("a stream that has unsent bytes up to its limit goes on when they are sent") {
  Limits limits;
  limits.max_unsent_bytes = 1024;
  RunningServer server(limits);
  TestWatcher watcher(server);
  watcher.Begin();
  constexpr int kJobs = 20;
  for (int i = 0; i < kJobs; ++i) {
    pb::ScheduleJobRequest request = JobRequest("j" + std::to_string(i), AppMetadata(), "0s");
    request.mutable_job()->mutable_data()->set_value(std::string(100000, 'x'));
    REQUIRE(server.Schedule(request).ok());
  }
  for (int i = 0; i < kJobs; ++i) watcher.Answer(watcher.Next().id(), pb::SUCCESS);
}

TEST_CASE("a trigger that is not answered in time comes again, and the late answer is ignored") {
  Limits limits;
  limits.max_ack_time = absl::Milliseconds(1500);
  RunningServer server(limits);
  TestWatcher watcher(server);
  watcher.Begin();
  // A job that comes first counts as undelivered.
  REQUIRE(EventuallyHasSample(server, "dapr_scheduler_sidecars_connected", "1"));
  REQUIRE(server.Schedule(JobRequest("j", AppMetadata(), "0s")).ok());
  CHECK(watcher.Next().id() == 1);
  CHECK(watcher.Next().id() == 2);
  watcher.Answer(1, pb::SUCCESS);
  watcher.Answer(2, pb::FAILED);
  CHECK(watcher.Next().id() == 3);
  CHECK(server.HasSample("dapr_scheduler_jobs_failed_total{type=\"job\"}", "1"));
  CHECK(server.HasSample("dapr_scheduler_jobs_undelivered_total{type=\"job\"}", "1"));
}

TEST_CASE("so many requests may wait for a loop that hangs, and answers always") {
  Limits limits;
  limits.max_mailbox_events = 2;
  RunningServer server(limits);
  TestWatcher watcher(server);
  watcher.Begin();
  REQUIRE(server.Schedule(JobRequest("j", AppMetadata(), "0s")).ok());
  REQUIRE(watcher.Next().id() == 1);
  server.store().BlockWrites(true);
  std::vector<std::future<grpc::Status>> calls;
  std::vector<grpc::Status> refused;
  for (int i = 0; refused.empty() && i < 100; ++i) {
    calls.push_back(std::async(std::launch::async, [&server, i] {
      return server.Schedule(JobRequest("k" + std::to_string(i), AppMetadata(), "1h"));
    }));
    // The one more that the loop holds already is among those that wait.
    if (calls.back().wait_for(std::chrono::milliseconds(200)) == std::future_status::ready) {
      refused.push_back(calls.back().get());
      calls.pop_back();
    }
  }
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].error_code() == StatusCode::RESOURCE_EXHAUSTED);
  CHECK_THAT(refused[0].error_message(), Catch::Contains("--max-mailbox-events=2"));
  CHECK(calls.size() >= 2);
  watcher.Answer(1, pb::SUCCESS);
  server.store().BlockWrites(false);
  for (auto& call : calls) CHECK(call.get().ok());
  const auto end = std::chrono::steady_clock::now() + kCallTimeout;
  pb::GetJobResponse got;
  while (server.Get("j", AppMetadata(), &got).ok()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
  }
}

TEST_CASE("so many lists and deletes of many jobs may be under way") {
  Limits limits;
  limits.max_pending_lists = 1;
  limits.max_prefix_deletes = 1;
  RunningServer server(limits);
  server.store().BlockScans(true);
  CHECK(server.DeleteByNamePrefix(AppMetadata(), "a").ok());
  CheckRefused(server.DeleteByNamePrefix(AppMetadata(), "b"), "--max-prefix-deletes=1");
  // Whichever comes second is refused at once, and the other one waits.
  std::vector<std::future<grpc::Status>> lists;
  for (int i = 0; i < 2; ++i) {
    lists.push_back(std::async(std::launch::async, [stub = server.NewStub()] {
      grpc::ClientContext context;
      LimitTime(&context);
      pb::ListJobsRequest request;
      *request.mutable_metadata() = AppMetadata();
      pb::ListJobsResponse response;
      return stub->ListJobs(&context, request, &response);
    }));
  }
  const auto is_ready = [](const std::future<grpc::Status>& list) {
    return list.wait_for(std::chrono::milliseconds(10)) == std::future_status::ready;
  };
  const auto end = std::chrono::steady_clock::now() + kCallTimeout;
  while (!is_ready(lists[0]) && !is_ready(lists[1])) {
    REQUIRE(std::chrono::steady_clock::now() < end);
  }
  if (is_ready(lists[0])) std::swap(lists[0], lists[1]);
  CheckRefused(lists[1].get(), "--max-pending-lists=1");
  CHECK_FALSE(is_ready(lists[0]));
  server.store().Unblock();
  CHECK(lists[0].get().ok());
}

// A call whose client takes no more than the head of its answer until Take.
class UntakenGet {
 public:
  UntakenGet(RunningServer& server, const std::string& name) : stub_(server.NewStub()) {
    LimitTime(&context_);
    pb::GetJobRequest request;
    request.set_name(name);
    *request.mutable_metadata() = AppMetadata();
    reader_ = stub_->PrepareAsyncGetJob(&context_, request, &queue_);
    reader_->StartCall();
    reader_->ReadInitialMetadata(this);
    Wait();
  }
  ~UntakenGet() {
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  grpc::Status Take(pb::GetJobResponse* response) {
    grpc::Status status;
    reader_->Finish(response, &status, this);
    Wait();
    return status;
  }

 private:
  void Wait() {
    void* tag = nullptr;
    bool ok = false;
    REQUIRE(queue_.Next(&tag, &ok));
  }

  std::unique_ptr<pb::Scheduler::Stub> stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<pb::GetJobResponse>> reader_;
};

TEST_CASE("so many bytes of answers may wait for clients that do not take them") {
  Limits limits;
  limits.max_answer_bytes = size_t{20} << 20;
  RunningServer server(limits);
  pb::ScheduleJobRequest request = JobRequest("large", AppMetadata(), "1h");
  // Far more than gRPC takes on its own, before the client asks for it.
  const std::string payload(size_t{16} << 20, 'x');
  request.mutable_job()->mutable_data()->set_value(payload);
  REQUIRE(server.Schedule(request).ok());
  REQUIRE(server.Schedule(JobRequest("small", AppMetadata(), "1h")).ok());
  pb::GetJobResponse response;
  {
    UntakenGet untaken(server, "large");
    CheckRefused(server.Get("large", AppMetadata(), &response), "--max-answer-bytes=20971520");
    CheckRefused(server.List(AppMetadata()).first, "--max-answer-bytes=20971520");
    CHECK(server.Get("small", AppMetadata(), &response).ok());
    REQUIRE(untaken.Take(&response).ok());
    CHECK((response.job().data().value() == payload));
  }
  // The client may know of the end before the server does.
  const auto end = std::chrono::steady_clock::now() + kCallTimeout;
  while (!server.Get("large", AppMetadata(), &response).ok()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
  }
  CHECK(server.List(AppMetadata()).first.ok());
}

}  // namespace
}  // namespace belfry::server
