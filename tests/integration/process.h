#pragma once

// Process: one of our programs, started for a test. It never outlives the test: the destructor
// kills and reaps it, and the system kills it if the test itself dies.

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/eventually.h"

namespace belfry::integration {

struct ProcessOptions {
  // Name of the program beside the tests' own.
  std::string program;
  std::vector<std::string> arguments;
  // Added to an environment that holds nothing that our programs read.
  std::map<std::string, std::string> environment;
  // Receives what is written to stdout, and to stderr unless that has a file of its own. Appended.
  std::string output_file;
  std::string error_file;
};

// Thread safety: belongs to the test's main thread. (The system kills the program when the thread
// that started it ends.)
class Process {
 public:
  // Fails the test if the process cannot be made. A program that does not exist exits with 127.
  explicit Process(ProcessOptions options);
  // Prints the end of the output if the test has failed.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // REQUIRES: the process has not been waited for.
  void Signal(int signal);
  // Sets one of the limits of setrlimit(2). REQUIRES: it has not been waited for.
  void Limit(int resource, uint64_t most);
  // The exit code, or minus the signal that ended it; nullopt if it still runs at the limit.
  std::optional<int> Wait(std::chrono::milliseconds limit = kWaitLimit);
  // SIGKILL, if it still runs, and wait.
  void Kill();

  // The most memory that it ever had resident, or this process had when it started it. REQUIRES: it
  // has ended by itself.
  size_t peak_bytes() const { return peak_bytes_; }

  // The most memory that it had resident so far, in bytes. REQUIRES: it has not been waited for.
  size_t PeakSoFar() const;

  // What it wrote so far, to both files.
  std::string Output() const;

 private:
  const ProcessOptions options_;
  pid_t pid_ = -1;
  std::optional<int> result_;
  size_t peak_bytes_ = 0;
};

struct CommandResult {
  // As Process::Wait; the test fails if the command does not end.
  int exit_code = 0;
  std::string out;
  std::string err;
  size_t peak_bytes = 0;  // as Process::peak_bytes
};

// Runs a command to its end.
CommandResult RunCommand(const std::string& program, const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment = {});

// The content of a file; empty if there is none, or it is none of the disk's.
std::string ReadFile(const std::string& path);

}  // namespace belfry::integration
