#pragma once

// What the user typed, parsed but not yet acted on.

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "belfry/client.h"
#include "client/cli/admin_options.h"
#include "client/cli/next.h"

namespace belfry {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  // the call failed
inline constexpr int kExitUsage = 2;   // the command line is wrong

enum class Command { kSchedule, kGet, kList, kDelete, kDeletePrefix, kWatch, kNext, kAdmin };

struct CommandLine {
  Command command = Command::kList;
  std::string command_name;  // as typed, for messages
  ClientOptions client;
  std::string name;  // of the job, or the prefix

  // schedule
  dapr::proto::scheduler::v1::Job job;
  bool overwrite = false;

  // watch
  bool answer_failed = false;
  std::optional<uint64_t> count;  // ends after so many triggers

  NextOptions next;
  AdminOptions admin;
};

// Parses `arguments` (without the program's name) and the environment. If the program should end
// here (help, version, or an error, which is written as one line to `err`), returns nullopt and
// sets `exit_code`.
std::optional<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments,
                                            std::ostream& out, std::ostream& err, int* exit_code);

}  // namespace belfry
