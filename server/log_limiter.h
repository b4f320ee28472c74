#pragma once

// LogLimiter: keeps what others can cause as often as they like from filling the log.

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "scheduler/base/mutex.h"

namespace belfry::server {

// Thread safety: all methods may be called from any thread.
class LogLimiter {
 public:
  // Lets `lines` of each kind through within `period`, which begins with the first of them.
  LogLimiter(int lines, absl::Duration period) : lines_(lines), period_(period) {}

  // Whether a line may be logged now, and then how many of its kind were not since the last that
  // was. The kind is the place in a source file that it comes from; `file` is borrowed for ever.
  // `now` is monotonic.
  std::optional<uint64_t> Admit(const char* file, int line, absl::Duration now);

 private:
  struct Kind {
    absl::Duration begin;
    int logged = 0;
    uint64_t dropped = 0;
  };

  const int lines_;
  const absl::Duration period_;
  Mutex mutex_;
  // As many as there are such places in the sources.
  std::map<std::pair<const char*, int>, Kind> kinds_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace belfry::server
