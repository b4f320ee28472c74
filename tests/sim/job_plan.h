#pragma once

// JobPlan: a random job, as the text that a request carries and as numbers that the oracle computes
// with. The oracle's arithmetic is its own; nothing here asks the scheduler's parsers.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "dapr/proto/scheduler/v1/scheduler.pb.h"
#include "tests/support/random.h"

namespace belfry::sim {

// When a job ticks.
struct TickRule {
  enum class Kind { kOnce, kEvery, kCron };
  Kind kind = Kind::kOnce;
  absl::Duration every;  // kEvery
  uint64_t seconds = 0;  // kCron: bit n for second n of a minute
  uint64_t minutes = 0;  //        and minute n of an hour, in UTC
  absl::Time begin;      // the due time, else the time of the request
  bool has_due_time = false;
  std::optional<absl::Time> expiration;
  std::optional<uint32_t> repeats;

  // The tick after `settled` ticks, of which `last` was the last; nullopt if there is none.
  std::optional<absl::Time> Next(uint32_t settled, std::optional<absl::Time> last) const;
};

struct RetryRule {
  bool drop = false;
  absl::Duration interval = absl::Seconds(1);
  std::optional<uint32_t> max_retries = 3;
};

struct JobPlan {
  dapr::proto::scheduler::v1::Job job;
  TickRule ticks;
  RetryRule retry;
  std::string concurrency_key;
};

// Draws a job as requested at `now`. `revision` goes into its payload. `keyed`: it may have a
// concurrency key.
JobPlan DrawJob(Random& random, absl::Time now, uint64_t revision, bool keyed);

// The revision in a payload; 0 if it is not one of ours.
uint64_t RevisionOf(const google::protobuf::Any& data);

}  // namespace belfry::sim
