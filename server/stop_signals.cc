#include "server/stop_signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "scheduler/base/check.h"
#include "scheduler/base/clock.h"

namespace belfry::server {
namespace {

// Signals that repeat the first one so soon are not a second request.
constexpr absl::Duration kRepeatGrace = absl::Milliseconds(500);

sigset_t Signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

void StopSignals::Block() {
  const sigset_t set = Signals();
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0) << "blocking signals failed";
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

absl::StatusOr<std::unique_ptr<StopSignals>> StopSignals::Start(
    absl::Duration stop_timeout, std::function<void(const char* why)> on_overdue) {
  const sigset_t set = Signals();
  const int signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_fd < 0) return absl::ErrnoToStatus(errno, "signalfd");
  const int end_fd = eventfd(0, EFD_CLOEXEC);
  if (end_fd < 0) {
    const int error = errno;
    close(signal_fd);
    return absl::ErrnoToStatus(error, "eventfd");
  }
  return std::unique_ptr<StopSignals>(
      new StopSignals(signal_fd, end_fd, stop_timeout, std::move(on_overdue)));
}

StopSignals::StopSignals(int signal_fd, int end_fd, absl::Duration stop_timeout,
                         std::function<void(const char* why)> on_overdue)
    : signal_fd_(signal_fd),
      end_fd_(end_fd),
      stop_timeout_(stop_timeout),
      on_overdue_(std::move(on_overdue)),
      thread_([this] { ThreadMain(); }) {}

StopSignals::~StopSignals() {
  CHECK(eventfd_write(end_fd_, 1) == 0) << "waking the signal thread failed";
  thread_.join();
  close(end_fd_);
  close(signal_fd_);
}

int StopSignals::Wait() {
  MutexLock lock(&mutex_);
  while (first_signal_ == 0) first_signal_came_.Wait();
  return first_signal_;
}

std::optional<int> StopSignals::WaitFor(absl::Duration timeout) {
  SystemClock clock;
  const absl::Duration end = clock.Monotonic() + timeout;
  MutexLock lock(&mutex_);
  while (first_signal_ == 0) {
    const absl::Duration left = end - clock.Monotonic();
    if (left <= absl::ZeroDuration()) return std::nullopt;
    first_signal_came_.WaitFor(left);
  }
  return first_signal_;
}

int StopSignals::NextSignal(int timeout_ms) const {
  std::array<pollfd, 2> fds{pollfd{end_fd_, POLLIN, 0}, pollfd{signal_fd_, POLLIN, 0}};
  while (true) {
    const int ready = poll(fds.data(), fds.size(), timeout_ms);
    if (ready == 0) return 0;
    if (ready < 0 && errno == EINTR) continue;
    CHECK(ready > 0) << "poll failed, errno " << errno;
    if (fds[0].revents != 0) return -1;
    signalfd_siginfo info{};
    if (read(signal_fd_, &info, sizeof(info)) != sizeof(info)) continue;
    return static_cast<int>(info.ssi_signo);
  }
}

void StopSignals::ThreadMain() {
  const int first = NextSignal(-1);
  if (first < 0) return;
  {
    MutexLock lock(&mutex_);
    first_signal_ = first;
    first_signal_came_.SignalAll();
  }
  // A supervisor that signals both a process and its group sends one stop twice.
  SystemClock clock;
  const absl::Duration overdue = clock.Monotonic() + stop_timeout_;
  const absl::Duration heed_repeats = clock.Monotonic() + kRepeatGrace;
  int second = 0;
  do {
    const absl::Duration left = std::max(overdue - clock.Monotonic(), absl::ZeroDuration());
    second = NextSignal(static_cast<int>(absl::ToInt64Milliseconds(left)));
    if (second < 0) return;
  } while (second > 0 && clock.Monotonic() < heed_repeats);
  on_overdue_(second == 0 ? "stopping takes too long" : "second signal");
}

}  // namespace belfry::server
