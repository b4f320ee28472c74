#include "server/log_limiter.h"

#include <utility>

namespace belfry::server {

std::optional<uint64_t> LogLimiter::Admit(const char* file, int line, absl::Duration now) {
  MutexLock lock(&mutex_);
  Kind& kind = kinds_[{file, line}];
  if (kind.logged == 0 || now - kind.begin >= period_) {
    kind.begin = now;
    kind.logged = 0;
  }
  if (kind.logged == lines_) {
    ++kind.dropped;
    return std::nullopt;
  }
  ++kind.logged;
  return std::exchange(kind.dropped, 0);
}

}  // namespace belfry::server
