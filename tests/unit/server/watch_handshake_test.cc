#include "server/watch_handshake.h"

#include <catch2/catch.hpp>

namespace belfry::server {
namespace {

namespace pb = dapr::proto::scheduler::v1;
using Groups = std::vector<GroupKey>;

const GroupKey kApp{TargetKind::kApp, "ns", "app"};
const GroupKey kCat{TargetKind::kActor, "ns", "cat"};
const GroupKey kDog{TargetKind::kActor, "ns", "dog"};

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

TEST_CASE("a watcher gets the groups of what it accepts") {
  CHECK(ParseHandshake(Initial({}, {})).value() == Groups{kApp});
  CHECK(ParseHandshake(Initial({"cat", "dog"}, {})).value() == Groups{kApp, kCat, kDog});
  CHECK(ParseHandshake(Initial({"cat"}, {kJob})).value() == Groups{kApp});
  CHECK(ParseHandshake(Initial({"cat"}, {kReminder})).value() == Groups{kCat});
  CHECK(ParseHandshake(Initial({"cat"}, {kReminder, kJob})).value() == Groups{kApp, kCat});
  // Twice the turns.
  CHECK(ParseHandshake(Initial({"cat", "cat"}, {kReminder})).value() == Groups{kCat, kCat});
}

TEST_CASE("unknown job types are passed over as long as something is left") {
  CHECK(ParseHandshake(Initial({"cat"}, {7, kJob})).value() == Groups{kApp});
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
