#include "scheduler/job/job_spec.h"

#include <catch2/catch.hpp>
#include <limits>

#include "tests/unit/schedule/times.h"

namespace belfry {
namespace {

using dapr::proto::scheduler::v1::Job;

constexpr char kNow[] = "2024-04-24T11:00:00.25Z";

struct Fields {
  std::optional<std::string> schedule = {}, due_time = {}, ttl = {};
  std::optional<uint32_t> repeats = {};
};

Job MakeJob(const Fields& fields) {
  Job job;
  if (fields.schedule) job.set_schedule(*fields.schedule);
  if (fields.due_time) job.set_due_time(*fields.due_time);
  if (fields.ttl) job.set_ttl(*fields.ttl);
  if (fields.repeats) job.set_repeats(*fields.repeats);
  return job;
}

JobSpec MustParseJob(const Job& job) {
  auto spec = ParseJob(job, At(kNow));
  INFO(Message(spec.status()));
  REQUIRE(spec.ok());
  return *std::move(spec);
}

struct Refusal {
  std::string message;
  std::optional<JobField> field;
};

Refusal Refused(const Job& job) {
  const auto spec = ParseJob(job, At(kNow));
  REQUIRE(!spec.ok());
  CHECK(spec.status().code() == absl::StatusCode::kInvalidArgument);
  const std::string message = Message(spec.status());
  const std::string prefix = "job failed validation: ";
  REQUIRE(message.starts_with(prefix));
  return {message.substr(prefix.size()), InvalidField(spec.status())};
}

TEST_CASE("job: the first check that fails decides") {
  // Each row repairs what the row above was refused for.
  Fields fields{.schedule = {}, .due_time = {}, .ttl = "bad", .repeats = 0};
  CHECK(Refused(MakeJob(fields)).message == "job must have either a due time or a schedule");

  fields = {.schedule = {}, .due_time = "bad", .ttl = "bad", .repeats = 2};
  Refusal refusal = Refused(MakeJob(fields));
  CHECK(refusal.message == "job must have a schedule to repeat");
  CHECK(refusal.field == JobField::kRepeats);

  fields.repeats = 0;
  refusal = Refused(MakeJob(fields));
  CHECK(refusal.message == "defined repeats must be greater than 0");
  CHECK(refusal.field == JobField::kRepeats);

  fields.repeats = 1;
  refusal = Refused(MakeJob(fields));
  CHECK(refusal.message == "job must have a schedule to have a ttl");
  CHECK(refusal.field == JobField::kTtl);

  fields.schedule = "61 * * * * *";
  Job job = MakeJob(fields);
  job.mutable_failure_policy()->mutable_constant()->mutable_interval()->set_nanos(-1'000'000'000);
  refusal = Refused(job);
  CHECK(refusal.message == "schedule \"61 * * * * *\": second 61 is out of range 0-59");
  CHECK(refusal.field == JobField::kSchedule);

  job.set_schedule("@hourly");
  refusal = Refused(job);
  CHECK(refusal.message ==
        "failure policy interval of 0 seconds and -1000000000 nanoseconds is not a valid duration");
  CHECK(refusal.field == JobField::kFailurePolicy);

  job.clear_failure_policy();
  refusal = Refused(job);
  CHECK(refusal.message == "due time format not recognized");
  CHECK(refusal.field == JobField::kDueTime);

  job.set_due_time("10s");
  refusal = Refused(job);
  CHECK(refusal.message == "ttl format not recognized");
  CHECK(refusal.field == JobField::kTtl);

  job.set_ttl("-1ns");
  refusal = Refused(job);
  CHECK(refusal.message == "ttl must be greater than due time");
  CHECK(refusal.field == JobField::kTtl);

  job.set_ttl("0s");
  CHECK(ParseJob(job, At(kNow)).ok());
}

TEST_CASE("job: only errors of validation have a field") {
  CHECK(!InvalidField(absl::OkStatus()));
  CHECK(!InvalidField(absl::InvalidArgumentError("job failed validation: other")));
}

TEST_CASE("job: present and empty is not absent") {
  CHECK(Refused(MakeJob({.schedule = ""})).message == "schedule \"\": it is empty");
  CHECK(Refused(MakeJob({.due_time = ""})).message == "due time format not recognized");
  CHECK(Refused(MakeJob({.schedule = "@daily", .ttl = ""})).message == "ttl format not recognized");
}

TEST_CASE("job: where ticks begin and end") {
  JobSpec spec = MustParseJob(MakeJob({.schedule = "@daily", .ttl = "1h", .repeats = 3}));
  CHECK(spec.begin == At(kNow));
  CHECK(!spec.begins_at_due_time);
  CHECK(spec.repeats == 3U);
  CHECK(Show(spec.expiration) == "2024-04-24T12:00:00.25Z");

  spec = MustParseJob(MakeJob({.schedule = "@daily", .due_time = "1h", .ttl = "1h"}));
  CHECK(Show(spec.begin) == "2024-04-24T12:00:00.25Z");
  CHECK(spec.begins_at_due_time);
  CHECK(!spec.repeats);
  CHECK(Show(spec.expiration) == "2024-04-24T13:00:00.25Z");

  // Without a due time the ttl may lie in the past; the job then never ticks.
  spec = MustParseJob(MakeJob({.schedule = "@daily", .ttl = "-1h"}));
  CHECK(!NextTick(spec, {}));
}

TEST_CASE("job: failure policies") {
  Job job = MakeJob({.due_time = "1s"});
  FailurePolicy policy = ParseFailurePolicy(job);
  CHECK(!policy.drop);
  CHECK(policy.interval == absl::Seconds(1));
  CHECK(policy.max_retries == 3U);

  job.mutable_failure_policy();  // present, but says nothing
  CHECK(ParseFailurePolicy(job).interval == absl::Seconds(1));
  CHECK(ParseFailurePolicy(job).max_retries == 3U);

  auto* constant = job.mutable_failure_policy()->mutable_constant();
  policy = ParseFailurePolicy(job);
  CHECK(!policy.drop);
  CHECK(policy.interval == absl::ZeroDuration());
  CHECK(!policy.max_retries);

  constant->set_max_retries(0);
  constant->mutable_interval()->set_seconds(3);
  constant->mutable_interval()->set_nanos(500'000'000);
  policy = ParseFailurePolicy(job);
  CHECK(policy.interval == absl::Milliseconds(3500));
  CHECK(policy.max_retries == 0U);

  constant->mutable_interval()->set_seconds(-3);
  constant->mutable_interval()->set_nanos(-1);
  CHECK(ParseJob(job, At(kNow)).ok());
  CHECK(ParseFailurePolicy(job).interval == absl::ZeroDuration());

  job.mutable_failure_policy()->mutable_drop();
  CHECK(ParseFailurePolicy(job).drop);
}

TEST_CASE("job: an interval must be a duration that protobuf allows") {
  struct Interval {
    int64_t seconds;
    int32_t nanos;
    bool ok;
  };
  for (const auto& [seconds, nanos, ok] :
       std::initializer_list<Interval>{{315'576'000'000, 999'999'999, true},
                                       {-315'576'000'000, -999'999'999, true},
                                       {315'576'000'001, 0, false},
                                       {std::numeric_limits<int64_t>::min(), 0, false},
                                       {0, 1'000'000'000, false},
                                       {0, std::numeric_limits<int32_t>::min(), false},
                                       {1, -1, false},
                                       {-1, 1, false},
                                       {0, -1, true}}) {
    Job job = MakeJob({.due_time = "1s"});
    auto* interval = job.mutable_failure_policy()->mutable_constant()->mutable_interval();
    interval->set_seconds(seconds);
    interval->set_nanos(nanos);
    INFO(seconds << " " << nanos);
    CHECK(ParseJob(job, At(kNow)).ok() == ok);
  }
}

TEST_CASE("job: the default policy is written where there is none") {
  Job job = MakeJob({.due_time = "1s"});
  FillDefaultFailurePolicy(&job);
  CHECK(job.failure_policy().constant().interval().seconds() == 1);
  CHECK(job.failure_policy().constant().interval().nanos() == 0);
  CHECK(job.failure_policy().constant().max_retries() == 3);

  Job empty = MakeJob({.due_time = "1s"});
  empty.mutable_failure_policy();
  FillDefaultFailurePolicy(&empty);
  CHECK(empty.failure_policy().constant().max_retries() == 3);

  Job bare = MakeJob({.due_time = "1s"});
  bare.mutable_failure_policy()->mutable_constant();
  FillDefaultFailurePolicy(&bare);
  CHECK(!bare.failure_policy().constant().has_interval());
  CHECK(!bare.failure_policy().constant().has_max_retries());

  Job drop = MakeJob({.due_time = "1s"});
  drop.mutable_failure_policy()->mutable_drop();
  FillDefaultFailurePolicy(&drop);
  CHECK(drop.failure_policy().has_drop());
}

TEST_CASE("job: ticks") {
  const JobSpec once = MustParseJob(MakeJob({.due_time = "5s"}));
  CHECK(Show(NextTick(once, {})) == "2024-04-24T11:00:05.25Z");
  CHECK(!NextTick(once, {.count = 1, .last_trigger = once.begin}));

  const JobSpec every =
      MustParseJob(MakeJob({.schedule = "@every 5s", .due_time = "1s", .repeats = 2}));
  CHECK(Show(NextTick(every, {})) == "2024-04-24T11:00:01.25Z");
  const Progress one{.count = 1, .last_trigger = NextTick(every, {})};
  CHECK(Show(NextTick(every, one)) == "2024-04-24T11:00:06.25Z");
  const Progress two{.count = 2, .last_trigger = NextTick(every, one)};
  CHECK(!NextTick(every, two));

  // The tick at the very end counts, the first one too.
  const JobSpec ending = MustParseJob(MakeJob({.schedule = "@every 1s", .ttl = "1s"}));
  CHECK(Show(NextTick(ending, {})) == "2024-04-24T11:00:01.25Z");
  CHECK(!NextTick(ending, {.count = 1, .last_trigger = NextTick(ending, {})}));
  CHECK(!NextTick(MustParseJob(MakeJob({.schedule = "@every 1s", .ttl = "999ms"})), {}));

  // Nothing ticks after the year 9999.
  const JobSpec last =
      MustParseJob(MakeJob({.schedule = "@every 1h", .due_time = "9999-12-31T23:30:00Z"}));
  CHECK(Show(NextTick(last, {})) == "9999-12-31T23:30:00Z");
  CHECK(!NextTick(last, {.count = 1, .last_trigger = NextTick(last, {})}));
}

}  // namespace
}  // namespace belfry
