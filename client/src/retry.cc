#include "client/src/retry.h"

#include <chrono>
#include <string>
#include <thread>

#include "client/src/backoff.h"

namespace belfry::client {

namespace {

constexpr absl::Duration kMinPause = absl::Milliseconds(125);
constexpr absl::Duration kMaxPause = absl::Milliseconds(375);

absl::Duration Monotonic(const RetryTime& time) {
  if (time.monotonic) return time.monotonic();
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

void Sleep(const RetryTime& time, absl::Duration pause) {
  if (time.sleep) return time.sleep(pause);
  std::this_thread::sleep_for(absl::ToChronoNanoseconds(pause));
}

}  // namespace

absl::Status RetryCancelled(absl::Duration timeout, const RetryTime& time,
                            const std::function<absl::Status(absl::Duration left)>& attempt) {
  const absl::Duration deadline = Monotonic(time) + timeout;
  absl::Duration left = timeout;
  while (true) {
    const absl::Status status = attempt(left);
    if (!absl::IsCancelled(status)) return status;
    const absl::Duration pause = DrawPause(kMinPause, kMaxPause);
    left = deadline - Monotonic(time) - pause;
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError("no scheduler took the call within " +
                                         absl::FormatDuration(timeout) +
                                         "; the last one was shutting down");
    }
    Sleep(time, pause);
  }
}

}  // namespace belfry::client
