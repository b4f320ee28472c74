#include "client/sidecar/delivery.h"

#include <prometheus/text_serializer.h>

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "client/sidecar/concurrency_limit.h"
#include "client/sidecar/grpc_app_channel.h"
#include "client/sidecar/http_app_channel.h"

namespace belfry::sidecar {
namespace {

using dapr::proto::scheduler::v1::WatchJobsResponse;

// Keeps deliveries until the test answers them.
class FakeApp : public AppChannel {
 public:
  void Deliver(JobEvent event, absl::AnyInvocable<void(AppReply)> done) override {
    events.push_back(std::move(event));
    replies.push_back(std::move(done));
  }
  void CheckHealth(absl::AnyInvocable<void(bool)> done) override { done(true); }
  void Introduce(absl::AnyInvocable<void()> done) override { done(); }
  void CancelDeliveries() override {}

  std::vector<JobEvent> events;
  std::vector<absl::AnyInvocable<void(AppReply)>> replies;
};

WatchJobsResponse Trigger(const std::string& name) {
  WatchJobsResponse trigger;
  trigger.set_name(name);
  trigger.mutable_metadata()->mutable_target()->mutable_job();
  return trigger;
}

struct Fixture {
  Worker::Done Take() {
    return [this](TriggerResult r) { results.push_back(r); };
  }

  std::vector<TriggerResult> results;  // outlives what may still answer
  FakeApp app;
  JobMetrics metrics{"my-app", ""};
  Delivery delivery{&app, metrics};
};

TEST_CASE("delivery: the app gets the trigger and its answer decides") {
  const auto [answer, result] = GENERATE(table<AppAnswer, TriggerResult>({
      {AppAnswer::kDone, TriggerResult::kSuccess},
      {AppAnswer::kDropped, TriggerResult::kSuccess},
      {AppAnswer::kRefused, TriggerResult::kFailed},
      {AppAnswer::kUnreachable, TriggerResult::kFailed},
  }));
  Fixture f;
  WatchJobsResponse trigger = Trigger("x");
  trigger.mutable_data()->set_value("payload");
  f.delivery.Handle(trigger, f.Take());
  f.delivery.Handle(Trigger("y"), f.Take());
  REQUIRE(f.app.events.size() == 2);
  CHECK(f.app.events[0].name == "x");
  CHECK(f.app.events[0].data->value() == "payload");
  CHECK_FALSE(f.app.events[1].data);
  CHECK(f.results.empty());
  f.app.replies[0]({answer, ""});
  REQUIRE(f.results.size() == 1);
  CHECK(f.results[0] == result);
}

TEST_CASE("delivery: a cancelled one stays unanswered") {
  Fixture f;
  f.delivery.Handle(Trigger("x"), f.Take());
  f.app.replies[0]({AppAnswer::kCancelled, ""});
  CHECK(f.results.empty());
  CHECK(f.delivery.Drain(absl::ZeroDuration()));
}

TEST_CASE("delivery: triggers that are not for an app fail") {
  Fixture f;
  WatchJobsResponse actor;
  actor.mutable_metadata()->mutable_target()->mutable_actor()->set_type("t");
  f.delivery.Handle(actor, f.Take());
  f.delivery.Handle(WatchJobsResponse(), f.Take());
  CHECK(f.app.events.empty());
  CHECK(f.results == std::vector{TriggerResult::kFailed, TriggerResult::kFailed});
}

TEST_CASE("delivery: without an app every trigger fails") {
  JobMetrics metrics("my-app", "");
  Delivery delivery(nullptr, metrics);
  std::optional<TriggerResult> result;
  delivery.Handle(Trigger("x"), [&](TriggerResult r) { result = r; });
  CHECK(result == TriggerResult::kFailed);
}

TEST_CASE("delivery: draining leaves new triggers unanswered and waits for the others") {
  Fixture f;
  f.delivery.Handle(Trigger("x"), f.Take());
  CHECK_FALSE(f.delivery.Drain(absl::ZeroDuration()));
  f.delivery.Handle(Trigger("y"), f.Take());
  CHECK(f.app.events.size() == 1);
  CHECK(f.results.empty());
  f.app.replies[0]({AppAnswer::kDone, ""});
  CHECK(f.delivery.Drain(absl::ZeroDuration()));
  CHECK(f.results == std::vector{TriggerResult::kSuccess});
}

TEST_CASE("delivery: what becomes of deliveries is counted") {
  Fixture f;
  for (int i = 0; i < 4; ++i) f.delivery.Handle(Trigger("x"), f.Take());
  f.app.replies[0]({AppAnswer::kDone, ""});
  f.app.replies[1]({AppAnswer::kDropped, ""});
  f.app.replies[2]({AppAnswer::kRefused, ""});
  f.app.replies[3]({AppAnswer::kUnreachable, ""});
  const std::string text = prometheus::TextSerializer().Serialize(f.metrics.registry()->Collect());
  const std::string labels = R"({app_id="my-app",namespace="",operation="job_trigger_op")";
  CHECK(text.find("dapr_component_job_success_count" + labels + "} 1\n") != std::string::npos);
  CHECK(text.find("dapr_component_job_failure_count" + labels + "} 2\n") != std::string::npos);
  CHECK(text.find("dapr_component_job_latencies_count" + labels + R"(,success="true"} 1)") !=
        std::string::npos);
  CHECK(text.find("dapr_component_job_latencies_count" + labels + R"(,success="false"} 2)") !=
        std::string::npos);
}

TEST_CASE("delivery: a series appears with the first thing that it counts") {
  JobMetrics metrics("a", "ns");
  const auto text = [&metrics] {
    return prometheus::TextSerializer().Serialize(metrics.registry()->Collect());
  };
  CHECK(text().empty());
  metrics.Record(AppAnswer::kUnreachable, absl::Seconds(1));
  metrics.Record(AppAnswer::kCancelled, absl::Seconds(1));
  CHECK(text().empty());
  metrics.Record(AppAnswer::kRefused, absl::Milliseconds(7));
  CHECK(text().find("dapr_component_job_success_count") == std::string::npos);
  CHECK(text().find("# TYPE dapr_component_job_failure_count counter\n") != std::string::npos);
  CHECK(text().find("# TYPE dapr_component_job_latencies histogram\n") != std::string::npos);
  CHECK(text().find(R"(dapr_component_job_latencies_sum{app_id="a",namespace="ns",)"
                    R"(operation="job_trigger_op",success="false"} 7)") != std::string::npos);
}

TEST_CASE("what an HTTP status means for a job") {
  for (const int status : {200, 204, 299}) CHECK(ReplyForStatus(status).answer == AppAnswer::kDone);
  CHECK(ReplyForStatus(404).answer == AppAnswer::kDropped);
  for (const int status : {300, 304, 400, 403, 405, 410, 429, 500, 503}) {
    CHECK(ReplyForStatus(status).answer == AppAnswer::kRefused);
  }
}

TEST_CASE("what a gRPC status means for a job") {
  const auto answer = [](grpc::StatusCode code) {
    return ReplyForGrpc(grpc::Status(code, "")).answer;
  };
  CHECK(answer(grpc::StatusCode::OK) == AppAnswer::kDone);
  CHECK(answer(grpc::StatusCode::NOT_FOUND) == AppAnswer::kDropped);
  CHECK(answer(grpc::StatusCode::UNIMPLEMENTED) == AppAnswer::kRefused);
  CHECK(answer(grpc::StatusCode::UNKNOWN) == AppAnswer::kRefused);
  CHECK(answer(grpc::StatusCode::CANCELLED) == AppAnswer::kRefused);
  CHECK(answer(grpc::StatusCode::UNAVAILABLE) == AppAnswer::kUnreachable);
}

TEST_CASE("a concurrency limit lets the next one start when one ends") {
  ConcurrencyLimit limit(2);
  std::vector<std::string> events;
  for (int i = 0; i < 4; ++i) {
    limit.Acquire([&events, i](bool may_run) {
      events.push_back((may_run ? "run " : "cancel ") + std::to_string(i));
    });
  }
  CHECK(events == std::vector<std::string>{"run 0", "run 1"});
  limit.Release();
  CHECK(events.back() == "run 2");
  limit.CancelWaiting();
  CHECK(events.back() == "cancel 3");
  limit.Release();
  limit.Release();
  limit.Acquire([&events](bool) { events.emplace_back("run 4"); });
  CHECK(events.back() == "run 4");
}

TEST_CASE("no concurrency limit") {
  ConcurrencyLimit limit(-1);
  int running = 0;
  for (int i = 0; i < 100; ++i) limit.Acquire([&](bool may_run) { running += may_run ? 1 : 0; });
  CHECK(running == 100);
}

}  // namespace
}  // namespace belfry::sidecar
