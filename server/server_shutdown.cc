#include "server/server_shutdown.h"

#include <chrono>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "client/net/open_connections.h"
#include "scheduler/base/mutex.h"
#include "server/limits.h"
#include "spdlog/spdlog.h"

namespace belfry::server {
namespace {

int BreakOurs(const IsOurs& is_ours) {
  return net::BreakConnections([&](int fd) {
    sockaddr_storage local = {};
    socklen_t bytes = sizeof(local);
    return ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &bytes) == 0 && is_ours(local);
  });
}

// Breaks connections while a server does not end in its time.
class ConnectionBreaker {
 public:
  ConnectionBreaker(absl::Duration patience, const IsOurs& is_ours)
      : thread_([this, patience, &is_ours] { ThreadMain(patience, is_ours); }) {}
  ~ConnectionBreaker() {
    {
      MutexLock lock(&mutex_);
      is_over_ = true;
      over_.Signal();
    }
    thread_.join();
  }

 private:
  void ThreadMain(absl::Duration patience, const IsOurs& is_ours) {
    while (!WaitUntilOver(patience)) {
      const int broken = BreakOurs(is_ours);
      if (broken > 0) spdlog::info("connections broken off at the end connections={}", broken);
      patience = kCancelTimeout;
    }
  }

  bool WaitUntilOver(absl::Duration patience) {
    const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(patience);
    MutexLock lock(&mutex_);
    while (!is_over_) {
      const auto left = end - std::chrono::steady_clock::now();
      if (left <= left.zero()) break;
      over_.WaitFor(absl::FromChrono(left));
    }
    return is_over_;
  }

  Mutex mutex_;
  CondVar over_{&mutex_};  // signalled with is_over_
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // the last: it uses the others
};

}  // namespace

void ShutDownServer(grpc::Server* server, absl::Duration drain, const IsOurs& is_ours) {
  ConnectionBreaker breaker(drain + kCancelTimeout, is_ours);
  server->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(drain));
}

}  // namespace belfry::server
