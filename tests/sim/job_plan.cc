#include "tests/sim/job_plan.h"

#include <cstdlib>
#include <string>

#include "spdlog/fmt/fmt.h"
#include "tests/sim/population.h"

namespace belfry::sim {
namespace {

constexpr int kMaxPastSeconds = 30;
constexpr int kMaxAheadMilliseconds = 8000;

absl::Time NextCron(const TickRule& rule, absl::Time after) {
  int64_t second = absl::ToUnixSeconds(after) + 1;
  while ((rule.seconds >> (second % 60) & 1) == 0 ||
         (rule.minutes >> (second / 60 % 60) & 1) == 0) {
    ++second;
  }
  return absl::FromUnixSeconds(second);
}

// A point in time in one of the API's forms, and what it means counted from `base`.
struct DrawnTime {
  std::string text;
  absl::Time time;
};

DrawnTime DrawTime(Random& random, absl::Time base) {
  switch (random.Below(8)) {
    case 0:
      return {"0s", base};
    case 1: {
      const int seconds = random.Between(1, kMaxPastSeconds);
      return {fmt::format("-{}s", seconds), base - absl::Seconds(seconds)};
    }
    case 2: {
      // A whole second: many jobs share it.
      const absl::Time at =
          absl::FromUnixSeconds(absl::ToUnixSeconds(base) + random.Between(-kMaxPastSeconds, 8));
      return {absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", at, absl::UTCTimeZone()), at};
    }
    case 3: {
      const int seconds = random.Below(8);
      return {fmt::format("PT{}S", seconds), base + absl::Seconds(seconds)};
    }
    case 4: {
      const int micros = random.Below(3000000);
      return {fmt::format("{}us", micros), base + absl::Microseconds(micros)};
    }
    default: {
      const int millis = random.Below(kMaxAheadMilliseconds);
      return {fmt::format("{}ms", millis), base + absl::Milliseconds(millis)};
    }
  }
}

void DrawCron(Random& random, JobPlan* plan) {
  TickRule& ticks = plan->ticks;
  ticks.kind = TickRule::Kind::kCron;
  ticks.minutes = (uint64_t{1} << 60) - 1;
  if (random.OneIn(2)) {
    static const std::vector<int> kSteps = {1, 2, 5, 7, 20};
    const int step = random.Pick(kSteps);
    for (int second = 0; second < 60; second += step) ticks.seconds |= uint64_t{1} << second;
    plan->job.set_schedule(fmt::format("*/{} * * * * *", step));
    return;
  }
  const int first = random.Below(60);
  const int second = random.Below(60);
  ticks.seconds = uint64_t{1} << first | uint64_t{1} << second;
  const int minute = random.Below(60);
  const bool any_minute = !random.OneIn(4);
  if (!any_minute) ticks.minutes = uint64_t{1} << minute;
  plan->job.set_schedule(
      fmt::format("{},{} {} * * * *", first, second, any_minute ? "*" : std::to_string(minute)));
}

void DrawEvery(Random& random, JobPlan* plan) {
  TickRule& ticks = plan->ticks;
  ticks.kind = TickRule::Kind::kEvery;
  static const std::vector<int> kMillis = {0, 400, 1000, 1000, 1500, 2000, 5000};
  const int millis = random.Pick(kMillis);
  ticks.every = absl::Milliseconds(millis);
  plan->job.set_schedule(fmt::format("@every {}ms", millis));
  // It never gets anywhere, so nothing else would end it.
  if (millis == 0) ticks.repeats = static_cast<uint32_t>(random.Between(1, 8));
}

void DrawSchedule(Random& random, absl::Time now, JobPlan* plan) {
  TickRule& ticks = plan->ticks;
  if (random.OneIn(2)) {
    DrawEvery(random, plan);
  } else {
    DrawCron(random, plan);
  }
  if (!ticks.repeats.has_value() && random.OneIn(2)) {
    ticks.repeats = static_cast<uint32_t>(random.Between(1, 5));
  }
  if (ticks.repeats.has_value()) plan->job.set_repeats(*ticks.repeats);
  if (random.OneIn(3)) {
    DrawnTime due = DrawTime(random, now);
    plan->job.set_due_time(due.text);
    ticks.begin = due.time;
    ticks.has_due_time = true;
  }
  if (!random.OneIn(3)) return;
  DrawnTime ttl = DrawTime(random, ticks.begin);
  if (ticks.has_due_time && ttl.time < ticks.begin) return;  // would be refused
  plan->job.set_ttl(ttl.text);
  ticks.expiration = ttl.time;
}

void DrawRetry(Random& random, JobPlan* plan) {
  auto* policy = plan->job.mutable_failure_policy();
  RetryRule& retry = plan->retry;
  switch (random.Below(4)) {
    case 0:
      policy->mutable_drop();
      retry.drop = true;
      return;
    case 1: {
      const int millis = random.Below(4) * 500;
      auto* interval = policy->mutable_constant()->mutable_interval();
      interval->set_seconds(millis / 1000);
      interval->set_nanos(millis % 1000 * 1000000);
      retry.interval = absl::Milliseconds(millis);
      retry.max_retries = static_cast<uint32_t>(random.Below(3));
      policy->mutable_constant()->set_max_retries(*retry.max_retries);
      return;
    }
    case 2:
      policy->mutable_constant();
      retry.interval = absl::ZeroDuration();
      retry.max_retries = std::nullopt;
      return;
    default:
      plan->job.clear_failure_policy();  // the default
      return;
  }
}

}  // namespace

std::optional<absl::Time> TickRule::Next(uint32_t settled, std::optional<absl::Time> last) const {
  if (kind == Kind::kOnce) return settled == 0 ? std::optional(begin) : std::nullopt;
  if (repeats.has_value() && settled >= *repeats) return std::nullopt;
  absl::Time tick = begin;
  if (last.has_value() || !has_due_time) {
    const absl::Time from = last.value_or(begin);
    tick = kind == Kind::kEvery ? from + every : NextCron(*this, from);
  }
  if (expiration.has_value() && tick > *expiration) return std::nullopt;
  return tick;
}

JobPlan DrawJob(Random& random, absl::Time now, uint64_t revision, bool keyed) {
  JobPlan plan;
  if (keyed) plan.concurrency_key = random.Pick(ConcurrencyKeys());
  plan.ticks.begin = now;
  plan.job.mutable_data()->set_type_url("revision");
  plan.job.mutable_data()->set_value(std::to_string(revision));
  if (random.OneIn(2)) {
    DrawnTime due = DrawTime(random, now);
    plan.job.set_due_time(due.text);
    plan.ticks.begin = due.time;
    plan.ticks.has_due_time = true;
  } else {
    DrawSchedule(random, now, &plan);
  }
  DrawRetry(random, &plan);
  return plan;
}

uint64_t RevisionOf(const google::protobuf::Any& data) {
  return std::strtoull(data.value().c_str(), nullptr, 10);
}

}  // namespace belfry::sim
