// The whole lives of jobs in tests/data/scheduling.jsonl, through the engine: every trigger at its
// time, one batch per answer, and the counter on disk as each row says.

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <fstream>

#include "google/protobuf/util/time_util.h"
#include "scheduler/job/key_codec.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

namespace json = boost::json;

absl::Time Time(const json::value& value) {
  absl::Time time;
  std::string error;
  REQUIRE(absl::ParseTime(absl::RFC3339_full, value.as_string().c_str(), &time, &error));
  return time;
}

JobText Job(const json::object& object) {
  JobText job;
  const auto text = [&](const char* key) -> std::optional<std::string> {
    const auto* value = object.if_contains(key);
    if (value == nullptr) return std::nullopt;
    return std::string(value->as_string());
  };
  job.schedule = text("schedule");
  job.due_time = text("due_time");
  job.ttl = text("ttl");
  if (const auto* repeats = object.if_contains("repeats")) {
    job.repeats = static_cast<uint32_t>(repeats->to_number<uint64_t>());
  }
  if (const auto* policy = object.if_contains("failure_policy")) {
    job.policy = [policy = policy->as_object()](dapr::proto::common::v1::JobFailurePolicy* out) {
      if (policy.contains("drop")) out->mutable_drop();
      const auto* constant = policy.if_contains("constant");
      if (constant == nullptr) return;
      auto* wire = out->mutable_constant();
      if (const auto* interval = constant->as_object().if_contains("interval")) {
        REQUIRE(google::protobuf::util::TimeUtil::FromString(std::string(interval->as_string()),
                                                             wire->mutable_interval()));
      }
      if (const auto* retries = constant->as_object().if_contains("max_retries")) {
        wire->set_max_retries(static_cast<uint32_t>(retries->to_number<uint64_t>()));
      }
    };
  }
  return job;
}

std::optional<Counter> CounterOnDisk(const MemoryStore& store) {
  std::optional<Counter> counter;
  REQUIRE(store
              .Scan({Table::kCounters, "", ""},
                    [&](auto, auto value) {
                      counter = DecodeCounter(value).value();
                      return true;
                    })
              .ok());
  return counter;
}

void RunRow(const json::object& row) {
  ManualScheduler scheduler(row.at("now").as_string().c_str());
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", Job(row.at("job").as_object())).ok());
  uint64_t triggers = 0;
  for (const json::value& value : row.at("events").as_array()) {
    const json::object& event = value.as_object();
    const absl::Time at = Time(event.at("at"));
    if (at > scheduler.clock.Now()) {
      scheduler.AdvanceTo(at - absl::Nanoseconds(1));
      REQUIRE(watcher->triggers.size() == triggers);
      scheduler.AdvanceTo(at);
    }
    REQUIRE(watcher->triggers.size() == ++triggers);
    scheduler.Answer(
        *watcher, triggers,
        event.at("result").as_string() == "SUCCESS" ? Outcome::kSuccess : Outcome::kFailed);
    if (!event.contains("count")) continue;
    const auto counter = CounterOnDisk(scheduler.store);
    REQUIRE(counter.has_value());
    REQUIRE(counter->progress.count == event.at("count").to_number<uint32_t>());
    REQUIRE(counter->progress.attempts == event.at("attempts").to_number<uint32_t>());
    if (event.contains("last_trigger")) {
      REQUIRE(counter->progress.last_trigger == Time(event.at("last_trigger")));
    }
  }
  const bool deleted = row.at("final").as_string() == "deleted";
  REQUIRE(absl::IsNotFound(scheduler.Get("job").status()) == deleted);
  if (deleted) REQUIRE_FALSE(CounterOnDisk(scheduler.store).has_value());
  if (!row.contains("next")) return;
  const absl::Time next = Time(row.at("next"));
  if (next > scheduler.clock.Now()) {
    scheduler.AdvanceTo(next - absl::Nanoseconds(1));
    REQUIRE(watcher->triggers.size() == triggers);
    scheduler.AdvanceTo(next);
  }
  REQUIRE(watcher->triggers.size() == triggers + 1);
}

TEST_CASE("every life cycle of the vectors, through the engine") {
  std::ifstream file(BELFRY_TEST_DATA_DIR "/scheduling.jsonl");
  REQUIRE(file.good());
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    const json::object row = json::parse(line).as_object();
    if (row.at("kind").as_string() != "ticks") continue;
    ++rows;
    // Describes a policy that cannot come in through the API: there it means the default.
    if (row.at("id").as_string() == "ticks-458") continue;
    INFO(line);
    RunRow(row);
  }
  REQUIRE(rows == 25);
}

}  // namespace
}  // namespace belfry
