#pragma once

// StopSignals: SIGTERM and SIGINT, taken by one thread instead of by handlers.

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "scheduler/base/mutex.h"

namespace belfry::server {

// Thread safety: Wait may be called from any thread.
class StopSignals {
 public:
  // Blocks the signals in this thread and all that it starts later. Ignores SIGPIPE and SIGXFSZ: a
  // peer that is gone, and a file that may not grow, are errors of the write. Call before any other
  // thread is started.
  static void Block();

  // Starts the thread. `on_overdue` runs on it, with why, if a second signal comes or the process
  // has not ended (the object been destroyed) `stop_timeout` after the first one.
  static absl::StatusOr<std::unique_ptr<StopSignals>> Start(
      absl::Duration stop_timeout, std::function<void(const char* why)> on_overdue);

  // Ends the thread.
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Returns the number of the first signal once it has come.
  int Wait();
  // As Wait, for at most `timeout`; empty if there was none so far.
  std::optional<int> WaitFor(absl::Duration timeout);

 private:
  StopSignals(int signal_fd, int end_fd, absl::Duration stop_timeout,
              std::function<void(const char* why)> on_overdue);

  void ThreadMain();
  // The next signal; 0 if the time is over, -1 if the object is being destroyed. A negative
  // timeout waits for ever.
  int NextSignal(int timeout_ms) const;

  const int signal_fd_;
  const int end_fd_;
  const absl::Duration stop_timeout_;
  const std::function<void(const char* why)> on_overdue_;

  Mutex mutex_;
  CondVar first_signal_came_{&mutex_};
  int first_signal_ ABSL_GUARDED_BY(mutex_) = 0;

  // Wakes on a signal, on the time limit, and on the end of the object.
  std::thread thread_;
};

}  // namespace belfry::server
