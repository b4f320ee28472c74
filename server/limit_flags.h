#pragma once

// The flags that set the limits of scheduler/base/limits.h.

#include <deque>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "scheduler/base/limits.h"

namespace belfry::server {

// Thread safety: belongs to its owner.
class LimitFlags {
 public:
  // Adds the flags to `app`, which is borrowed while it is set up and parses.
  explicit LimitFlags(CLI::App* app);
  LimitFlags(const LimitFlags&) = delete;
  LimitFlags& operator=(const LimitFlags&) = delete;

  // What they say, after parsing; InvalidArgument names the flag, its value and what is allowed.
  absl::StatusOr<Limits> Values() const;

 private:
  // Texts as given, in the order of the tables; their addresses do not change.
  std::deque<std::string> sizes_;
  std::deque<std::string> times_;
};

}  // namespace belfry::server
