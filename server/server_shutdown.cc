#include "server/server_shutdown.h"

#include <charconv>
#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "scheduler/base/mutex.h"
#include "server/limits.h"
#include "spdlog/spdlog.h"

namespace belfry::server {
namespace {

constexpr char kOpenFiles[] = "/proc/self/fd";

bool IsConnection(int fd, const IsOurs& is_ours) {
  sockaddr_storage local = {};
  socklen_t bytes = sizeof(local);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &bytes) != 0) return false;
  int is_listening = 0;
  socklen_t size = sizeof(is_listening);
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) != 0) return false;
  return is_listening == 0 && is_ours(local);
}

// gRPC does not give out the connections it has. One that is closed between the look at it and its
// end may have left its number to another file of the process; whose end is near anyway.
int BreakConnections(const IsOurs& is_ours) {
  int broken = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kOpenFiles, error)) {
    const std::string name = entry.path().filename();
    int fd = -1;
    std::from_chars(name.data(), name.data() + name.size(), fd);
    if (IsConnection(fd, is_ours) && ::shutdown(fd, SHUT_RDWR) == 0) ++broken;
  }
  if (error) spdlog::warn("cannot look for connections: {}", error.message());
  return broken;
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
      const int broken = BreakConnections(is_ours);
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
