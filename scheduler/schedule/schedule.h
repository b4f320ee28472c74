#pragma once

// Schedule: when a recurring job ticks. Six cron fields with an optional zone prefix, a descriptor
// such as @daily, or "@every <Go duration>".

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace belfry {

// Far more than the longest useful list of values needs.
inline constexpr size_t kMaxScheduleBytes = 4096;

// An immutable value; copies are cheap and share the parsed form.
// Thread safety: const methods may be called from any thread.
class Schedule {
 public:
  // InvalidArgument names the text, the field and the value. A schedule that can never tick is
  // refused too.
  static absl::StatusOr<Schedule> Parse(std::string_view text);

  // The first tick strictly after `after`, or nullopt if there is none within the search window
  // (kCronSearchYears of cron.h, wide enough for 29 February across 2100) or before the year 10000.
  // "@every" adds its interval and keeps nanoseconds; cron ticks are whole seconds. With
  // "@every 0s" the result equals `after`.
  //
  // Work: at most kMaxCronSearchTurns turns, one for each change of the zone's offset up to the
  // tick, each over at most 12 * (kCronSearchYears + 1) months. Usual expressions need one turn.
  std::optional<absl::Time> Next(absl::Time after) const;

  // Implementation detail, public so that the parsers can derive from it.
  class Rule {
   public:
    virtual ~Rule() = default;
    virtual std::optional<absl::Time> Next(absl::Time after) const = 0;
  };
  explicit Schedule(std::shared_ptr<const Rule> rule);

 private:
  std::shared_ptr<const Rule> rule_;
};

}  // namespace belfry
