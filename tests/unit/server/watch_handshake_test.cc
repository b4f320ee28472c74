#include "server/watch_handshake.h"

#include <catch2/catch.hpp>

#include "scheduler/base/limits.h"

namespace belfry::server {
namespace {

namespace pb = dapr::proto::scheduler::v1;
using Targets = std::vector<TargetKey>;

const TargetKey kApp{TargetKind::kApp, "ns", "app"};
const TargetKey kCat{TargetKind::kActor, "ns", "cat"};
const TargetKey kDog{TargetKind::kActor, "ns", "dog"};

pb::WatchJobsRequest Initial(const std::vector<std::string>& actor_types,
                             const std::vector<int>& accepted) {
  pb::WatchJobsRequest request;
  request.mutable_initial()->set_namespace_("ns");
  request.mutable_initial()->set_app_id("app");
  for (const std::string& type : actor_types) request.mutable_initial()->add_actor_types(type);
  for (const int type : accepted) {
    request.mutable_initial()->add_accept_job_types(static_cast<pb::JobTargetType>(type));
  }
  return request;
}

constexpr int kJob = pb::JOB_TARGET_TYPE_JOB;
constexpr int kReminder = pb::JOB_TARGET_TYPE_ACTOR_REMINDER;

TEST_CASE("a watcher gets the targets that it accepts") {
  CHECK(ParseHandshake(Initial({}, {})).value().targets == Targets{kApp});
  CHECK(ParseHandshake(Initial({"cat", "dog"}, {})).value().targets == Targets{kApp, kCat, kDog});
  CHECK(ParseHandshake(Initial({"cat"}, {kJob})).value().targets == Targets{kApp});
  CHECK(ParseHandshake(Initial({"cat"}, {kReminder})).value().targets == Targets{kCat});
  CHECK(ParseHandshake(Initial({"cat"}, {kReminder, kJob})).value().targets == Targets{kApp, kCat});
  // Twice the turns.
  CHECK(ParseHandshake(Initial({"cat", "cat"}, {kReminder})).value().targets ==
        Targets{kCat, kCat});
}

TEST_CASE("unknown job types are passed over as long as something is left") {
  CHECK(ParseHandshake(Initial({"cat"}, {7, kJob})).value().targets == Targets{kApp});
  CHECK(absl::IsInvalidArgument(ParseHandshake(Initial({"cat"}, {7})).status()));
}

TEST_CASE("a watcher of reminders only needs actor types") {
  CHECK(absl::IsInvalidArgument(ParseHandshake(Initial({}, {kReminder})).status()));
}

TEST_CASE("a job type may be accepted once") {
  CHECK(ParseHandshake(Initial({}, {kJob, kJob})).status() ==
        absl::UnknownError("duplicate target type specified: JOB_TARGET_TYPE_JOB"));
  CHECK(ParseHandshake(Initial({}, {kJob, kReminder, kReminder})).status() ==
        absl::UnknownError("duplicate target type specified: JOB_TARGET_TYPE_ACTOR_REMINDER"));
  CHECK(ParseHandshake(Initial({}, {7, 7})).status() ==
        absl::UnknownError("duplicate target type specified: 7"));
}

void AddLimit(pb::WatchJobsRequest* request, int max, const char* type,
              std::optional<std::string> key) {
  pb::ConcurrencyLimit* limit = request->mutable_initial()->add_concurrency_limits();
  limit->set_max_concurrent(max);
  if (type != nullptr) limit->mutable_actor()->set_type(type);
  if (key.has_value()) limit->set_name(*key);
}

TEST_CASE("a watcher may limit actor types, whether it takes their triggers or not") {
  pb::WatchJobsRequest request = Initial({"cat"}, {});
  AddLimit(&request, 3, "cat", std::nullopt);
  AddLimit(&request, 1, "dog", "bark");
  const auto limits = ParseHandshake(request).value().limits;
  REQUIRE(limits.size() == 2);
  CHECK(limits[0].target == kCat);
  CHECK(limits[0].concurrency_key.empty());
  CHECK(limits[0].max_concurrent == 3);
  CHECK(limits[1].target == kDog);
  CHECK(limits[1].concurrency_key == "bark");
  CHECK(limits[1].max_concurrent == 1);
}

TEST_CASE("limits that are not positive or of no actor type mean nothing") {
  pb::WatchJobsRequest request = Initial({"cat"}, {});
  AddLimit(&request, 0, "cat", std::nullopt);
  AddLimit(&request, -1, "cat", "key");
  AddLimit(&request, 5, nullptr, std::nullopt);
  CHECK(ParseHandshake(request).value().limits.empty());
}

TEST_CASE("a watcher may declare so many limits and no more") {
  pb::WatchJobsRequest request = Initial({"cat"}, {});
  for (size_t i = 0; i < kMaxLimitsPerWatcher; ++i) AddLimit(&request, 1, "cat", std::to_string(i));
  CHECK(ParseHandshake(request).value().limits.size() == kMaxLimitsPerWatcher);
  AddLimit(&request, 1, "cat", "one more");
  CHECK(
      ParseHandshake(request).status() ==
      absl::ResourceExhaustedError(
          "1001 concurrency limits are too many for one stream (limit: --max-stream-limits=1000)"));
}

TEST_CASE("the first message must be initial") {
  pb::WatchJobsRequest request;
  const absl::Status expected =
      absl::UnknownError("initial request is required on stream connection");
  CHECK(ParseHandshake(request).status() == expected);
  request.mutable_result()->set_id(1);
  CHECK(ParseHandshake(request).status() == expected);
}

TEST_CASE("the first message must say whose jobs are watched") {
  const absl::Status expected = absl::InvalidArgumentError("missing namespace or appID in request");
  pb::WatchJobsRequest request = Initial({}, {});
  request.mutable_initial()->clear_app_id();
  CHECK(ParseHandshake(request).status() == expected);
  request = Initial({}, {});
  request.mutable_initial()->clear_namespace_();
  CHECK(ParseHandshake(request).status() == expected);
  // Before anything else is looked at.
  request.mutable_initial()->add_accept_job_types(pb::JOB_TARGET_TYPE_JOB);
  request.mutable_initial()->add_accept_job_types(pb::JOB_TARGET_TYPE_JOB);
  CHECK(ParseHandshake(request).status() == expected);
}

}  // namespace
}  // namespace belfry::server
