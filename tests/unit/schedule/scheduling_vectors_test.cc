// Runs every row of tests/data/scheduling.jsonl; tests/data/README.md says what the kinds mean.

#include <algorithm>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "scheduler/base/limits.h"
#include "scheduler/job/job_name.h"
#include "scheduler/job/job_spec.h"
#include "scheduler/schedule/go_duration.h"
#include "scheduler/schedule/point_in_time.h"
#include "tests/unit/schedule/times.h"

namespace belfry {
namespace {

namespace json = boost::json;
using dapr::proto::scheduler::v1::Job;

const std::map<std::string, size_t> kRowsOfKind = {
    {"cron_next", 64}, {"cron_seq", 119},   {"cron_activation", 16}, {"parse_ok", 6},
    {"due", 22},       {"parse_error", 38}, {"due_error", 16},       {"job_validate", 16},
    {"ticks", 25},     {"next_tick", 6},    {"job_name", 9}};

std::vector<json::object> LoadRows() {
  std::ifstream file(BELFRY_TEST_DATA_DIR "/scheduling.jsonl");
  REQUIRE(file.is_open());
  std::vector<json::object> rows;
  for (std::string line; std::getline(file, line);) {
    rows.push_back(json::parse(line).as_object());
  }
  return rows;
}

std::vector<json::object> RowsOf(std::string_view kind) {
  std::vector<json::object> rows;
  for (json::object& row : LoadRows()) {
    if (row.at("kind").as_string() == kind) rows.push_back(std::move(row));
  }
  REQUIRE(rows.size() == kRowsOfKind.at(std::string(kind)));
  return rows;
}

std::string Text(const json::object& object, std::string_view key) {
  const json::string& text = object.at(key).as_string();
  return std::string(text.data(), text.size());
}

absl::Time TimeOf(const json::object& object, std::string_view key) {
  return At(Text(object, key));
}

bool Has(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && !value->is_null();
}

std::optional<absl::Time> OptionalTime(const json::object& object, std::string_view key) {
  if (!Has(object, key)) return std::nullopt;
  return TimeOf(object, key);
}

uint32_t Number(const json::object& object, std::string_view key) {
  return object.at(key).to_number<uint32_t>();
}

void FillFailurePolicy(const json::object& policy, Job* job) {
  auto* out = job->mutable_failure_policy();
  if (Has(policy, "drop")) out->mutable_drop();
  if (!Has(policy, "constant")) return;
  const json::object& constant = policy.at("constant").as_object();
  out->mutable_constant();
  if (Has(constant, "max_retries")) {
    out->mutable_constant()->set_max_retries(Number(constant, "max_retries"));
  }
  if (Has(constant, "interval")) {
    const auto interval = ParseGoDuration(Text(constant, "interval"));
    REQUIRE(interval.ok());
    out->mutable_constant()->mutable_interval()->set_seconds(absl::ToInt64Seconds(*interval));
  }
}

Job JobOf(const json::object& object) {
  Job job;
  if (Has(object, "schedule")) job.set_schedule(Text(object, "schedule"));
  if (Has(object, "due_time")) job.set_due_time(Text(object, "due_time"));
  if (Has(object, "ttl")) job.set_ttl(Text(object, "ttl"));
  if (Has(object, "repeats")) job.set_repeats(Number(object, "repeats"));
  if (Has(object, "failure_policy")) {
    FillFailurePolicy(object.at("failure_policy").as_object(), &job);
  }
  return job;
}

// A job with one failure policy at its side: what an engine does with the answers it gets. Answers
// come at once, so a retry is planned an interval after the planned time of the try that failed.
class Life {
 public:
  explicit Life(const JobSpec& spec) : spec_(spec), tick_(NextTick(spec, progress_)) {
    trigger_ = tick_;
  }

  // When the next trigger is planned; nullopt once the job is gone.
  std::optional<absl::Time> trigger() const { return trigger_; }
  const Progress& progress() const { return progress_; }

  void Answer(bool success) {
    if (!success && !spec_.policy.drop) {
      ++progress_.attempts;
      if (!spec_.policy.max_retries || progress_.attempts <= *spec_.policy.max_retries) {
        *trigger_ += spec_.policy.interval;
        return;
      }
    }
    progress_.last_trigger = tick_;
    progress_.attempts = 0;
    ++progress_.count;
    trigger_ = tick_ = NextTick(spec_, progress_);
  }

 private:
  const JobSpec spec_;
  Progress progress_;
  std::optional<absl::Time> tick_;     // scheduled time of the tick that is being tried
  std::optional<absl::Time> trigger_;  // when it is tried next
};

TEST_CASE("vectors: no row is skipped") {
  std::map<std::string, size_t> counts;
  for (const json::object& row : LoadRows()) ++counts[Text(row, "kind")];
  CHECK(counts == kRowsOfKind);
}

TEST_CASE("vectors: cron_next") {
  for (const json::object& row : RowsOf("cron_next")) {
    INFO(json::serialize(row));
    if (!Has(row, "next")) {
      CHECK_THAT(ScheduleError(Text(row, "spec")), Catch::Contains("schedule never fires"));
      continue;
    }
    const Schedule schedule = MustParse(Text(row, "spec"));
    CHECK(Show(schedule.Next(TimeOf(row, "from"))) == Text(row, "next"));
  }
}

TEST_CASE("vectors: cron_seq") {
  for (const json::object& row : RowsOf("cron_seq")) {
    INFO(json::serialize(row));
    const Schedule schedule = MustParse(Text(row, "spec"));
    std::optional<absl::Time> time = TimeOf(row, "from");
    for (const json::value& expected : row.at("seq").as_array()) {
      time = schedule.Next(*time);
      REQUIRE(Show(time) == std::string(expected.as_string()));
    }
  }
}

TEST_CASE("vectors: cron_activation") {
  for (const json::object& row : RowsOf("cron_activation")) {
    INFO(json::serialize(row));
    const absl::Time at = TimeOf(row, "at");
    const auto next = MustParse(Text(row, "spec")).Next(at - absl::Seconds(1));
    CHECK((next == at) == row.at("fires").as_bool());
  }
}

TEST_CASE("vectors: parse_ok") {
  for (const json::object& row : RowsOf("parse_ok")) {
    INFO(json::serialize(row));
    CHECK(ScheduleError(Text(row, "spec")) == "accepted");
  }
}

TEST_CASE("vectors: parse_error") {
  for (const json::object& row : RowsOf("parse_error")) {
    INFO(json::serialize(row));
    const std::string error = ScheduleError(Text(row, "spec"));
    CHECK(error != "accepted");
    if (Has(row, "error_contains")) {
      CHECK_THAT(error, Catch::Contains(Text(row, "error_contains")));
    }
  }
}

TEST_CASE("vectors: due") {
  for (const json::object& row : RowsOf("due")) {
    INFO(json::serialize(row));
    const auto due = ParseDueTime(Text(row, "value"), TimeOf(row, "now"));
    const auto ttl = ParseTtl(Text(row, "value"), TimeOf(row, "now"));
    REQUIRE(due.ok());
    REQUIRE(ttl.ok());
    CHECK(FormatRfc3339(*due) == Text(row, "at"));
    CHECK(*ttl == *due);
  }
}

TEST_CASE("vectors: due_error") {
  for (const json::object& row : RowsOf("due_error")) {
    INFO(json::serialize(row));
    const auto due = ParseDueTime(Text(row, "value"), TimeOf(row, "now"));
    const auto ttl = ParseTtl(Text(row, "value"), TimeOf(row, "now"));
    CHECK(Message(due.status()) == Text(row, "error"));
    CHECK(Message(ttl.status()) == "ttl format not recognized");
  }
}

TEST_CASE("vectors: job_validate") {
  for (const json::object& row : RowsOf("job_validate")) {
    INFO(json::serialize(row));
    const auto spec = ParseJob(JobOf(row.at("job").as_object()), TimeOf(row, "now"));
    REQUIRE(spec.ok() == row.at("ok").as_bool());
    if (!spec.ok()) {
      CHECK(spec.status().code() == absl::StatusCode::kInvalidArgument);
      CHECK(Message(spec.status()) == Text(row, "grpc_error"));
      CHECK(Text(row, "grpc_error") == "job failed validation: " + Text(row, "error"));
      continue;
    }
    CHECK(spec->begins_at_due_time == Has(row, "begin_due_time"));
    CHECK(spec->begin == TimeOf(row, spec->begins_at_due_time ? "begin_due_time" : "begin_start"));
    CHECK(spec->expiration == OptionalTime(row, "expiration"));
  }
}

TEST_CASE("vectors: next_tick") {
  for (const json::object& row : RowsOf("next_tick")) {
    INFO(json::serialize(row));
    JobSpec spec;
    spec.schedule = MustParse(Text(row, "schedule"));
    if (Has(row, "repeats")) spec.repeats = Number(row, "repeats");
    spec.begins_at_due_time = Has(row, "due_time");
    spec.begin = TimeOf(row, spec.begins_at_due_time ? "due_time" : "start");
    spec.expiration = OptionalTime(row, "expiration");
    const Progress progress{.count = Number(row, "count"),
                            .last_trigger = OptionalTime(row, "last")};
    // The rows leave it to the caller whether a first tick comes too late; NextTick does it itself.
    std::optional<absl::Time> expected = OptionalTime(row, "next");
    const bool first = !progress.last_trigger;
    if (first && expected && spec.expiration && *expected > *spec.expiration) {
      CHECK(!NextTick(spec, progress));
      spec.expiration.reset();
    }
    CHECK(NextTick(spec, progress) == expected);
  }
}

TEST_CASE("vectors: ticks") {
  for (const json::object& row : RowsOf("ticks")) {
    INFO(json::serialize(row));
    const json::object& job = row.at("job").as_object();
    auto spec = ParseJob(JobOf(job), TimeOf(row, "now"));
    REQUIRE(spec.ok());
    // An empty policy as the reference's engine sees it; no API call can put it there.
    if (Has(job, "failure_policy") && job.at("failure_policy").as_object().empty()) {
      spec->policy = FailurePolicy{.drop = true};
    }
    Life life(*spec);
    for (const json::value& value : row.at("events").as_array()) {
      const json::object& event = value.as_object();
      REQUIRE(Show(life.trigger()) == Text(event, "at"));
      life.Answer(Text(event, "result") == "SUCCESS");
      CHECK(Number(event, "store_writes") == 1);  // an answer is one change: there is no other
      if (!life.trigger()) continue;
      CHECK(life.progress().count == Number(event, "count"));
      CHECK(life.progress().attempts == Number(event, "attempts"));
      CHECK(life.progress().last_trigger == OptionalTime(event, "last_trigger"));
    }
    const bool deleted = Text(row, "final") == "deleted";
    CHECK(Show(life.trigger()) == (deleted ? "none" : Text(row, "next")));
  }
}

TEST_CASE("vectors: job_name") {
  for (const json::object& row : RowsOf("job_name")) {
    INFO(json::serialize(row));
    const absl::Status status = CheckNamePart("job name", Text(row, "name"), 1, kMaxJobNameBytes);
    CHECK(status.ok() == row.at("ok").as_bool());
  }
}

}  // namespace
}  // namespace belfry
