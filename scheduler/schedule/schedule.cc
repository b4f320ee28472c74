#include "scheduler/schedule/schedule.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/base/status_macros.h"
#include "scheduler/schedule/cron.h"
#include "scheduler/schedule/cron_fields.h"
#include "scheduler/schedule/go_duration.h"
#include "scheduler/schedule/text.h"
#include "scheduler/schedule/time_range.h"
#include "scheduler/schedule/zone.h"

namespace belfry {
namespace {

constexpr std::string_view kEveryPrefix = "@every ";

struct Descriptor {
  std::string_view name;
  std::string_view fields;
};
constexpr std::array<Descriptor, 7> kDescriptors = {{
    {"@yearly", "0 0 0 1 1 *"},
    {"@annually", "0 0 0 1 1 *"},
    {"@monthly", "0 0 0 1 * *"},
    {"@weekly", "0 0 0 * * 0"},
    {"@daily", "0 0 0 * * *"},
    {"@midnight", "0 0 0 * * *"},
    {"@hourly", "0 0 * * * *"},
}};

// A fixed interval after the previous tick.
class EveryRule final : public Schedule::Rule {
 public:
  explicit EveryRule(absl::Duration interval) : interval_(interval) {}

  std::optional<absl::Time> Next(absl::Time after) const override {
    const absl::Time next = after + interval_;
    if (!InTimeRange(next)) return std::nullopt;
    return next;
  }

 private:
  const absl::Duration interval_;
};

// Adds the text of the schedule to what is wrong with it.
absl::Status Invalid(std::string_view text, std::string_view problem) {
  return absl::InvalidArgumentError(fmt::format("schedule {}: {}", Quote(text), problem));
}

absl::Status Invalid(std::string_view text, const absl::Status& status) {
  return Invalid(text, std::string_view(status.message().data(), status.message().size()));
}

// The zone prefix taken off a schedule's text.
struct Prefixed {
  bool has_zone = false;
  absl::TimeZone zone = absl::UTCTimeZone();
  std::string_view rest;
};

absl::StatusOr<Prefixed> TakeZone(std::string_view text) {
  Prefixed result{.rest = text};
  if (!text.starts_with("TZ=") && !text.starts_with("CRON_TZ=")) return result;
  result.has_zone = true;
  const std::string_view after_sign = text.substr(text.find('=') + 1);
  const size_t end = FindSpace(after_sign);
  const std::string_view name = after_sign.substr(0, end);
  result.rest = end == std::string_view::npos ? "" : TrimSpace(after_sign.substr(end));
  if (result.rest.empty()) {
    return Invalid(text, fmt::format("no schedule follows the time zone {}", Quote(name)));
  }
  // Implementations of this API differ on other white space here, so it is refused.
  if (after_sign[end] != ' ') {
    return Invalid(text, fmt::format("a space must follow the time zone {}", Quote(name)));
  }
  const auto zone = LoadZone(name);
  if (!zone.ok()) return Invalid(text, zone.status());
  result.zone = *zone;
  return result;
}

absl::StatusOr<Schedule> ParseEvery(std::string_view text, const Prefixed& prefixed) {
  if (prefixed.has_zone) return Invalid(text, "@every does not take a time zone");
  const auto interval = ParseGoDuration(prefixed.rest.substr(kEveryPrefix.size()));
  if (!interval.ok()) return Invalid(text, interval.status());
  if (*interval < absl::ZeroDuration()) return Invalid(text, "@every takes no negative duration");
  return Schedule(std::make_shared<EveryRule>(*interval));
}

absl::StatusOr<Schedule> ParseFields(std::string_view text, std::string_view fields_text,
                                     absl::TimeZone zone) {
  const auto parts = SplitAtSpace(fields_text);
  if (parts.size() != kCronFieldCount) {
    std::string joined;
    for (const std::string_view part : parts) {
      if (!joined.empty()) joined += ' ';
      joined += part;
    }
    // Callers know this text, so it stands without the schedule in front.
    return absl::InvalidArgumentError(fmt::format("expected exactly {} fields, found {}: [{}]",
                                                  kCronFieldCount, parts.size(),
                                                  Printable(joined)));
  }
  const auto fields = CronFields::Parse(parts);
  if (!fields.ok()) return Invalid(text, fields.status());
  return Schedule(std::make_shared<CronRule>(*fields, zone));
}

absl::StatusOr<Schedule> ParseDescriptor(std::string_view text, const Prefixed& prefixed) {
  if (prefixed.rest.starts_with(kEveryPrefix)) return ParseEvery(text, prefixed);
  for (const Descriptor& descriptor : kDescriptors) {
    if (prefixed.rest == descriptor.name) {
      return ParseFields(text, descriptor.fields, prefixed.zone);
    }
  }
  return Invalid(text, fmt::format("unrecognized descriptor {}", Quote(prefixed.rest)));
}

}  // namespace

Schedule::Schedule(std::shared_ptr<const Rule> rule) : rule_(std::move(rule)) {}

absl::StatusOr<Schedule> Schedule::Parse(std::string_view text) {
  if (text.empty()) return Invalid(text, "it is empty");
  if (text.size() > kMaxScheduleBytes) {
    return Invalid(text, fmt::format("it has {} bytes, more than the {} that are allowed",
                                     text.size(), kMaxScheduleBytes));
  }
  ASSIGN_OR_RETURN(const Prefixed prefixed, TakeZone(text));
  if (prefixed.rest.starts_with('@')) return ParseDescriptor(text, prefixed);
  return ParseFields(text, prefixed.rest, prefixed.zone);
}

std::optional<absl::Time> Schedule::Next(absl::Time after) const { return rule_->Next(after); }

}  // namespace belfry
