// A null server in a process of its own.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "tests/bench/null_server.h"

namespace belfry::bench {
namespace {

constexpr int kStartTimeoutMs = 10000;

// The first line of a pipe, as a number; 0 if there is none in time.
int ReadPort(int output) {
  std::string line;
  while (line.empty() || line.back() != '\n') {
    pollfd waiting{output, POLLIN, 0};
    std::array<char, 64> bytes{};
    if (poll(&waiting, 1, kStartTimeoutMs) <= 0) return 0;
    const ssize_t count = read(output, bytes.data(), bytes.size());
    if (count <= 0) return 0;
    line.append(bytes.data(), static_cast<size_t>(count));
  }
  return std::stoi(line);
}

absl::Status Failed(const char* what) {
  return absl::UnavailableError(fmt::format("{}: {}", what, std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<NullProcess>> NullProcess::Start(const char* subcommand) {
  std::array<int, 2> input{};
  std::array<int, 2> output{};
  if (pipe2(input.data(), O_CLOEXEC) != 0 || pipe2(output.data(), O_CLOEXEC) != 0) {
    return Failed("pipe2");
  }
  const pid_t pid = fork();
  if (pid < 0) return Failed("fork");
  if (pid == 0) {
    dup2(input[0], STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    execl("/proc/self/exe", "belfry-bench", subcommand, nullptr);
    _exit(127);
  }
  close(input[0]);
  close(output[1]);
  std::unique_ptr<NullProcess> process(new NullProcess(pid, input[1]));
  process->port_ = ReadPort(output[0]);
  close(output[0]);
  if (process->port_ == 0) return absl::UnavailableError("the null server does not tell its port");
  return process;
}

NullProcess::~NullProcess() {
  close(input_);
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

}  // namespace belfry::bench
