#pragma once

// Times in tests are written as RFC 3339.

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/schedule/rfc3339.h"
#include "scheduler/schedule/schedule.h"

namespace belfry {

inline absl::Time At(std::string_view text) {
  const auto time = ParseRfc3339(text);
  INFO(text);
  REQUIRE(time.has_value());
  return *time;
}

inline std::string Show(const std::optional<absl::Time>& time) {
  return time ? FormatRfc3339(*time) : "none";
}

inline std::string Message(const absl::Status& status) { return std::string(status.message()); }

inline Schedule MustParse(std::string_view text) {
  auto schedule = Schedule::Parse(text);
  INFO(Message(schedule.status()));
  REQUIRE(schedule.ok());
  return *schedule;
}

// The message that refuses a schedule.
inline std::string ScheduleError(std::string_view text) {
  const auto schedule = Schedule::Parse(text);
  if (schedule.ok()) return "accepted";
  CHECK(schedule.status().code() == absl::StatusCode::kInvalidArgument);
  return Message(schedule.status());
}

inline std::string NextOf(std::string_view text, std::string_view after) {
  return Show(MustParse(text).Next(At(after)));
}

// The next `count` ticks, fewer if there are no more.
inline std::vector<std::string> TicksOf(std::string_view text, std::string_view after, int count) {
  const Schedule schedule = MustParse(text);
  std::vector<std::string> ticks;
  std::optional<absl::Time> time = At(after);
  for (int i = 0; i < count; ++i) {
    time = schedule.Next(*time);
    if (!time) break;
    ticks.push_back(FormatRfc3339(*time));
  }
  return ticks;
}

}  // namespace belfry
