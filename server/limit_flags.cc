#include "server/limit_flags.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "scheduler/base/status_macros.h"
#include "server/byte_size.h"
#include "server/flag_names.h"

namespace belfry::server {
namespace {

constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

enum class Unit { kCount, kBytes };

struct SizeFlag {
  const char* name;
  size_t Limits::*field;
  Unit unit;
  uint64_t min;
  uint64_t max;
  const char* help;
};

struct TimeFlag {
  const char* name;
  absl::Duration Limits::*field;
  absl::Duration min;
  absl::Duration max;
  const char* help;
  bool may_be_off = false;  // with 0
};

const auto& SizeFlags() {
  using L = Limits;
  static const std::array flags = {
      SizeFlag{"max-job-bytes", &L::max_job_bytes, Unit::kBytes, kKiB, kGiB,
               "largest request to schedule a job"},
      SizeFlag{"max-jobs-per-namespace", &L::max_jobs_per_namespace, Unit::kCount, 0,
               1'000'000'000'000, "jobs that one namespace may have; 0 means no limit"},
      SizeFlag{"max-concurrency-keys", &L::max_concurrency_keys, Unit::kCount, 1, 10'000'000,
               "different concurrency keys that the jobs of one app or actor type may have"},
      SizeFlag{"max-mailbox-events", &L::max_mailbox_events, Unit::kCount, 1, 10'000'000,
               "requests that may wait for the loop"},
      SizeFlag{"max-mailbox-bytes", &L::max_mailbox_bytes, Unit::kBytes, kMiB, 64 * kGiB,
               "bytes of requests that may wait for the loop"},
      SizeFlag{"max-turn-events", &L::max_turn_events, Unit::kCount, 1, 1'000'000,
               "events that one turn of the loop takes"},
      SizeFlag{"max-turn-bytes", &L::max_turn_bytes, Unit::kBytes, kKiB, kGiB,
               "bytes of requests after which a turn takes no further event"},
      SizeFlag{"max-prefix-deletes", &L::max_prefix_deletes, Unit::kCount, 1, 1'000'000,
               "deletes of many jobs that may be under way"},
      SizeFlag{"max-pending-lists", &L::max_pending_lists, Unit::kCount, 1, 1'000'000,
               "lists of jobs that may be waiting or under way"},
      // A message of gRPC is at most 2 GiB long.
      SizeFlag{"max-list-bytes", &L::max_list_bytes, Unit::kBytes, 1, 2 * kGiB - 1,
               "largest answer to ListJobs"},
      SizeFlag{"max-answer-bytes", &L::max_answer_bytes, Unit::kBytes, kMiB, 64 * kGiB,
               "bytes of large answers to GetJob and ListJobs that may be unsent"},
      SizeFlag{"max-received-bytes", &L::max_received_bytes, Unit::kBytes, 16 * kMiB, 64 * kGiB,
               "bytes of requests that are being received; above it gRPC ends some of them"},
      SizeFlag{"max-connection-calls", &L::max_connection_calls, Unit::kCount, 10, 1'000'000,
               "calls that one connection may have open; more wait in the client"},
      SizeFlag{"max-calls", &L::max_calls, Unit::kCount, 1000, 10'000'000,
               "calls that may be open; above it connections with the most of them are ended"},
      SizeFlag{"max-streams", &L::max_streams, Unit::kCount, 1, 1'000'000,
               "streams of sidecars that may be open"},
      SizeFlag{"max-stream-unsent-bytes", &L::max_unsent_bytes, Unit::kBytes, kKiB, kGiB,
               "bytes that one stream may have unsent before it gets no more triggers"},
      SizeFlag{"max-stream-in-flight", &L::max_in_flight, Unit::kCount, 1, 10'000'000,
               "triggers that one stream may have unanswered before it gets no more"},
      SizeFlag{"max-stream-targets", &L::max_stream_targets, Unit::kCount, 1, 10'000'000,
               "apps and actor types that one stream may watch"},
      SizeFlag{"max-stream-limits", &L::max_stream_limits, Unit::kCount, 0, 1'000'000,
               "concurrency limits that one stream may declare"},
  };
  return flags;
}

const auto& TimeFlags() {
  static const std::array flags = {
      TimeFlag{"max-ack-time", &Limits::max_ack_time, absl::Seconds(1), absl::Hours(24 * 30),
               "longest time for the answer to a trigger; then another watcher gets it. 0 means no "
               "limit",
               /*may_be_off=*/true},
      TimeFlag{"keepalive-time", &Limits::keepalive_time, absl::Milliseconds(100), absl::Hours(1),
               "silence on a connection after which its peer is pinged"},
      TimeFlag{"keepalive-timeout", &Limits::keepalive_timeout, absl::Milliseconds(100),
               absl::Hours(1), "longest time for the answer to a ping; then the connection ends"},
      TimeFlag{"max-loop-stall", &Limits::max_loop_stall, absl::Seconds(2), absl::Hours(1),
               "longest time without a turn of the loop before the process is not alive"},
      TimeFlag{"max-dispatch-wait", &Limits::max_dispatch_wait, absl::Seconds(2), absl::Hours(1),
               "longest time that nothing fires although jobs could, before it is not ready"},
  };
  return flags;
}

std::string SizeText(uint64_t value, Unit unit) {
  return unit == Unit::kBytes ? ByteSizeText(value) : fmt::format("{}", value);
}

// nullopt if the text is no number, or no size.
std::optional<uint64_t> ParseSize(std::string_view text, Unit unit) {
  if (unit == Unit::kBytes) return ParseByteSize(text);
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

void Add(CLI::App* app, const char* name, const char* help, std::string* text) {
  app->add_option(fmt::format("--{}", name), *text, help)
      ->envname(EnvironmentName(name))
      ->take_last()
      ->capture_default_str()
      ->group("Limits");
}

absl::Status Set(const SizeFlag& flag, const std::string& text, Limits* limits) {
  const std::optional<uint64_t> value = ParseSize(text, flag.unit);
  if (!value.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("--{}: \"{}\" is not {}", flag.name, text,
                    flag.unit == Unit::kBytes ? kByteSizeExamples : "a number"));
  }
  if (*value < flag.min || *value > flag.max) {
    return absl::InvalidArgumentError(fmt::format("--{}: {} is out of range {} to {}", flag.name,
                                                  text, SizeText(flag.min, flag.unit),
                                                  SizeText(flag.max, flag.unit)));
  }
  limits->*flag.field = *value;
  return absl::OkStatus();
}

absl::Status Set(const TimeFlag& flag, const std::string& text, Limits* limits) {
  absl::Duration value;
  if (!absl::ParseDuration(text, &value)) {
    return absl::InvalidArgumentError(
        fmt::format("--{}: \"{}\" is not a duration such as 500ms or 10s", flag.name, text));
  }
  const bool off = flag.may_be_off && value == absl::ZeroDuration();
  if (!off && (value < flag.min || value > flag.max)) {
    return absl::InvalidArgumentError(fmt::format(
        "--{}: {} is out of range {} to {}{}", flag.name, text, absl::FormatDuration(flag.min),
        absl::FormatDuration(flag.max), flag.may_be_off ? ", or 0" : ""));
  }
  limits->*flag.field = value;
  return absl::OkStatus();
}

}  // namespace

LimitFlags::LimitFlags(CLI::App* app) {
  const Limits defaults;
  for (const SizeFlag& flag : SizeFlags()) {
    Add(app, flag.name, flag.help, &sizes_.emplace_back(SizeText(defaults.*flag.field, flag.unit)));
  }
  for (const TimeFlag& flag : TimeFlags()) {
    Add(app, flag.name, flag.help,
        &times_.emplace_back(absl::FormatDuration(defaults.*flag.field)));
  }
}

absl::StatusOr<Limits> LimitFlags::Values() const {
  Limits limits;
  for (size_t i = 0; i < SizeFlags().size(); ++i) {
    RETURN_IF_ERROR(Set(SizeFlags()[i], sizes_[i], &limits));
  }
  for (size_t i = 0; i < TimeFlags().size(); ++i) {
    RETURN_IF_ERROR(Set(TimeFlags()[i], times_[i], &limits));
  }
  if (limits.max_mailbox_bytes < limits.max_job_bytes + kMaxRequestOverhead) {
    return absl::InvalidArgumentError(fmt::format(
        "--max-mailbox-bytes: {} is too small for a job of --max-job-bytes={}: at least {} needed",
        limits.max_mailbox_bytes, limits.max_job_bytes,
        limits.max_job_bytes + kMaxRequestOverhead));
  }
  if (limits.max_calls <= limits.max_streams) {
    return absl::InvalidArgumentError(
        fmt::format("--max-calls: {} leaves no room for requests beside --max-streams={}",
                    limits.max_calls, limits.max_streams));
  }
  return limits;
}

}  // namespace belfry::server
