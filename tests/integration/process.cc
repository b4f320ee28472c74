#include "tests/integration/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <system_error>
#include <utility>

#include "tests/integration/test_failure.h"
#include "tests/support/temp_dir.h"

namespace belfry::integration {
namespace {

constexpr size_t kShownBytes = 8000;
constexpr size_t kKibi = 1024;
constexpr int kExitNotStarted = 127;

// What a program needs of the tests' own environment; the rest could change what it does.
constexpr const char* kInherited[] = {
    "PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"};

std::vector<std::string> Environment(const ProcessOptions& options) {
  std::vector<std::string> out;
  for (const char* name : kInherited) {
    if (const char* value = std::getenv(name)) out.push_back(std::string(name) + "=" + value);
  }
  for (const auto& [name, value] : options.environment) out.push_back(name + "=" + value);
  return out;
}

// As execve wants them; points into `texts`.
std::vector<char*> Pointers(std::vector<std::string>* texts) {
  std::vector<char*> out;
  for (std::string& text : *texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// Everything here may run between fork and exec in a program with many threads.
[[noreturn]] void Become(pid_t parent, const char* out, const char* err, char** argv, char** envp) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kExitNotStarted);  // it ended before the line above
  const int in_fd = open("/dev/null", O_RDONLY);
  const int out_fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int err_fd = open(err, O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(in_fd, STDIN_FILENO);
  dup2(out_fd, STDOUT_FILENO);
  dup2(err_fd, STDERR_FILENO);
  // A copy of a listener of the test's would keep its port open after the test closed it.
  close_range(STDERR_FILENO + 1, ~0U, 0);
  execve(argv[0], argv, envp);
  _exit(kExitNotStarted);
}

}  // namespace

Process::Process(ProcessOptions options) : options_(std::move(options)) {
  std::vector<std::string> arguments{std::string(BELFRY_BIN_DIR "/") + options_.program};
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  std::vector<std::string> environment = Environment(options_);
  const std::vector<char*> argv = Pointers(&arguments);
  const std::vector<char*> envp = Pointers(&environment);
  const char* out = options_.output_file.c_str();
  const char* err = options_.error_file.empty() ? out : options_.error_file.c_str();
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0)
    Become(parent, out, err, const_cast<char**>(argv.data()), const_cast<char**>(envp.data()));
  REQUIRE(pid_ > 0);
}

Process::~Process() {
  Kill();
  if (!TestHasFailed()) return;
  const std::string output = Output();
  const size_t begin = output.size() > kShownBytes ? output.size() - kShownBytes : 0;
  std::cerr << "--- " << options_.program << " (pid " << pid_ << ") ended with " << *result_
            << " and wrote:\n"
            << output.substr(begin) << "---\n";
}

void Process::Signal(int signal) {
  REQUIRE_FALSE(result_.has_value());
  REQUIRE(kill(pid_, signal) == 0);
}

std::optional<int> Process::Wait(std::chrono::milliseconds limit) {
  Eventually(
      [this] {
        if (result_.has_value()) return true;
        int status = 0;
        rusage usage = {};
        if (wait4(pid_, &status, WNOHANG, &usage) != pid_) return false;
        peak_bytes_ = static_cast<size_t>(usage.ru_maxrss) * kKibi;
        result_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        return true;
      },
      limit);
  return result_;
}

void Process::Limit(int resource, uint64_t most) {
  const rlimit limit = {most, most};
  REQUIRE(prlimit(pid_, static_cast<__rlimit_resource>(resource), &limit, nullptr) == 0);
}

size_t Process::PeakSoFar() const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  std::string word;
  size_t kibi = 0;
  while (status >> word && word != "VmHWM:") {
  }
  status >> kibi;
  REQUIRE(kibi > 0);
  return kibi * kKibi;
}

void Process::Kill() {
  if (result_.has_value()) return;
  kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  result_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string Process::Output() const {
  std::string output = ReadFile(options_.output_file);
  if (!options_.error_file.empty()) output += ReadFile(options_.error_file);
  return output;
}

CommandResult RunCommand(const std::string& program, const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment) {
  const TempDir dir;
  Process process({program, arguments, environment, dir / "out", dir / "err"});
  const std::optional<int> exit_code = process.Wait();
  REQUIRE(exit_code.has_value());
  return {*exit_code, ReadFile(dir / "out"), ReadFile(dir / "err"), process.peak_bytes()};
}

std::string ReadFile(const std::string& path) {
  // Devices may have no end.
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return "";
  std::ifstream file(path, std::ios::binary);
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

}  // namespace belfry::integration
