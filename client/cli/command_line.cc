#include "client/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>

#include "absl/status/statusor.h"
#include "client/cli/payload.h"

namespace belfry {

namespace {

const char kDefaultAddress[] = "127.0.0.1:50006";

// What CLI11 writes to. An option that was given and empty differs from one that was not given, so
// presence is asked of the option itself.
struct RawOptions {
  std::string addresses = kDefaultAddress;
  std::string timeout = "30s";
  std::string schedule, due_time, ttl, data, data_file, data_json;
  uint32_t repeats = 0;
  std::string failure_policy, failure_interval;
  uint32_t failure_max_retries = 0;
  uint64_t count = 0;
  TlsOptions tls;
  std::string next_schedule, next_from, next_due_time, next_ttl, next_repeats, next_count;
};

bool IsGiven(const CLI::App& app, const std::string& option) { return app.count(option) > 0; }

std::optional<std::string> IfGiven(const CLI::App& app, const std::string& option,
                                   const std::string& value) {
  return IsGiven(app, option) ? std::optional(value) : std::nullopt;
}

void AddCommonOptions(CLI::App* app, CommandLine* line, RawOptions* raw) {
  app->add_option("--address", raw->addresses, "Schedulers, host:port separated by commas")
      ->envname("BELFRY_ADDRESS")
      ->capture_default_str();
  app->add_option("--namespace", line->client.ns, "Namespace of the app")
      ->envname("NAMESPACE")
      ->capture_default_str();
  app->add_option("--app-id", line->client.app_id, "The app whose jobs these are")
      ->envname("APP_ID");
  app->add_option("--timeout", raw->timeout, "Longest time for one call")->capture_default_str();
  const auto add_tls = [app](const char* option, std::string* value, const char* variable,
                             const char* what) {
    app->add_option(option, *value, what)->envname(variable)->group("TLS, on if one is given");
  };
  add_tls("--tls-ca-file", &raw->tls.ca_file, "BELFRY_TLS_CA_FILE",
          "PEM file: CAs of schedulers; default those of the system");
  add_tls("--tls-cert-file", &raw->tls.cert_file, "BELFRY_TLS_CERT_FILE",
          "PEM file: your certificate, which says whose jobs you may see");
  add_tls("--tls-key-file", &raw->tls.key_file, "BELFRY_TLS_KEY_FILE", "PEM file: its private key");
  add_tls("--tls-server-name", &raw->tls.server_name, "BELFRY_TLS_SERVER_NAME",
          "Host or SPIFFE id in schedulers' certificates; default the address's host");
}

void AddSchedule(CLI::App* app, CommandLine* line, RawOptions* raw) {
  app->add_option("NAME", line->name, "Name of the job")->required();
  app->add_option("--schedule", raw->schedule, "Six cron fields, @daily, \"@every 5m\" ...");
  app->add_option("--due-time", raw->due_time, "First tick: RFC 3339, 10s, PT10S");
  app->add_option("--ttl", raw->ttl, "Last possible tick, in the same forms");
  app->add_option("--repeats", raw->repeats, "Number of ticks");
  auto* data = app->add_option_group("data", "Payload, at most one of:");
  data->add_option("--data", raw->data, "Text");
  data->add_option("--data-file", raw->data_file, "Content of a file")->check(CLI::ExistingFile);
  data->add_option("--data-json", raw->data_json, "JSON");
  data->require_option(0, 1);
  app->add_flag("--overwrite", line->overwrite, "Replace a job of the same name");
  app->add_option("--failure-policy", raw->failure_policy, "What happens when the app fails")
      ->check(CLI::IsMember({"drop", "constant"}));
  app->add_option("--failure-interval", raw->failure_interval, "Pause before a retry, e.g. 3s");
  app->add_option("--failure-max-retries", raw->failure_max_retries, "Retries; default no limit");
}

void AddWatch(CLI::App* app, CommandLine* line, RawOptions* raw) {
  app->add_flag("--fail", line->answer_failed, "Answer FAILED instead of SUCCESS");
  app->add_option("--count", raw->count, "End after so many triggers")->check(CLI::PositiveNumber);
}

void AddNext(CLI::App* app, RawOptions* raw) {
  app->add_option("SCHEDULE", raw->next_schedule, "As with schedule --schedule");
  app->add_option("--from", raw->next_from, "Time of creation, RFC 3339; default now");
  app->add_option("--due-time", raw->next_due_time, "As with schedule");
  app->add_option("--ttl", raw->next_ttl, "As with schedule");
  app->add_option("--repeats", raw->next_repeats, "As with schedule");
  app->add_option("--count", raw->next_count, "Most ticks to print");
}

absl::Status Invalid(const std::string& option, const std::string& value, const std::string& why) {
  return absl::InvalidArgumentError(option + " \"" + value + "\": " + why);
}

absl::StatusOr<absl::Duration> ParseDuration(const std::string& option, const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration() ||
      duration == absl::InfiniteDuration()) {
    return Invalid(option, text, "not a duration such as 90s or 1m30s");
  }
  return duration;
}

absl::Status FillPolicy(const CLI::App& app, const RawOptions& raw,
                        dapr::proto::scheduler::v1::Job* job) {
  const bool has_details =
      IsGiven(app, "--failure-interval") || IsGiven(app, "--failure-max-retries");
  if (has_details && raw.failure_policy != "constant") {
    return absl::InvalidArgumentError(
        "--failure-interval and --failure-max-retries need --failure-policy constant");
  }
  if (raw.failure_policy == "drop") job->mutable_failure_policy()->mutable_drop();
  if (raw.failure_policy != "constant") return absl::OkStatus();
  auto* constant = job->mutable_failure_policy()->mutable_constant();
  if (IsGiven(app, "--failure-interval")) {
    auto interval = ParseDuration("--failure-interval", raw.failure_interval);
    if (!interval.ok()) return interval.status();
    absl::Duration fraction;
    constant->mutable_interval()->set_seconds(
        absl::IDivDuration(*interval, absl::Seconds(1), &fraction));
    constant->mutable_interval()->set_nanos(
        static_cast<int32_t>(absl::ToInt64Nanoseconds(fraction)));
  }
  if (IsGiven(app, "--failure-max-retries")) constant->set_max_retries(raw.failure_max_retries);
  return absl::OkStatus();
}

absl::Status FillData(const CLI::App& app, const RawOptions& raw,
                      dapr::proto::scheduler::v1::Job* job) {
  if (IsGiven(app, "--data")) *job->mutable_data() = TextPayload(raw.data);
  if (IsGiven(app, "--data-json")) {
    auto payload = JsonPayload(raw.data_json);
    if (!payload.ok()) {
      return Invalid("--data-json", raw.data_json, std::string(payload.status().message()));
    }
    *job->mutable_data() = *std::move(payload);
  }
  if (IsGiven(app, "--data-file")) {
    std::ifstream file(raw.data_file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file.good() && !file.eof()) return Invalid("--data-file", raw.data_file, "cannot be read");
    *job->mutable_data() = BytesPayload(bytes);
  }
  return absl::OkStatus();
}

absl::Status FillJob(const CLI::App& app, const RawOptions& raw, CommandLine* line) {
  auto& job = line->job;
  if (IsGiven(app, "--schedule")) job.set_schedule(raw.schedule);
  if (IsGiven(app, "--due-time")) job.set_due_time(raw.due_time);
  if (IsGiven(app, "--ttl")) job.set_ttl(raw.ttl);
  if (IsGiven(app, "--repeats")) job.set_repeats(raw.repeats);
  if (absl::Status status = FillData(app, raw, &job); !status.ok()) return status;
  return FillPolicy(app, raw, &job);
}

void FillNext(const CLI::App& app, const RawOptions& raw, NextOptions* next) {
  next->schedule = IfGiven(app, "SCHEDULE", raw.next_schedule);
  next->from = IfGiven(app, "--from", raw.next_from);
  next->due_time = IfGiven(app, "--due-time", raw.next_due_time);
  next->ttl = IfGiven(app, "--ttl", raw.next_ttl);
  next->repeats = IfGiven(app, "--repeats", raw.next_repeats);
  next->count = IfGiven(app, "--count", raw.next_count);
}

absl::StatusOr<std::vector<std::string>> SplitAddresses(const std::string& text) {
  std::vector<std::string> addresses;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    addresses.push_back(text.substr(begin, end - begin));
    if (absl::Status status = CheckAddress(addresses.back()); !status.ok()) {
      return absl::InvalidArgumentError("--address " + std::string(status.message()));
    }
    begin = end + 1;
  }
  return addresses;
}

absl::Status FillTls(const TlsOptions& tls, ClientOptions* client) {
  const bool is_wanted = !tls.ca_file.empty() || !tls.cert_file.empty() || !tls.key_file.empty() ||
                         !tls.server_name.empty();
  if (!is_wanted) return absl::OkStatus();
  client->tls = tls;
  return CheckTls(tls);
}

// What CLI11 cannot check by itself.
absl::Status Complete(const CLI::App& command, const RawOptions& raw, CommandLine* line) {
  if (line->command == Command::kNext) {
    FillNext(command, raw, &line->next);
    return absl::OkStatus();
  }
  if (line->client.app_id.empty()) {
    return absl::InvalidArgumentError("--app-id or APP_ID is required");
  }
  auto addresses = SplitAddresses(raw.addresses);
  if (!addresses.ok()) return addresses.status();
  line->client.addresses = *std::move(addresses);
  auto timeout = ParseDuration("--timeout", raw.timeout);
  if (!timeout.ok()) return timeout.status();
  line->client.call_timeout = *timeout;
  if (absl::Status status = FillTls(raw.tls, &line->client); !status.ok()) return status;
  if (line->command == Command::kSchedule) return FillJob(command, raw, line);
  if (line->command == Command::kWatch && IsGiven(command, "--count")) line->count = raw.count;
  return absl::OkStatus();
}

// Whether an option stands among arguments, whatever the environment says.
bool IsWritten(const std::string& option, std::vector<std::string>::const_iterator begin,
               std::vector<std::string>::const_iterator end) {
  return std::any_of(begin, end, [&option](const std::string& argument) {
    return argument == option || argument.starts_with(option + "=");
  });
}

// Options common to all commands say whose jobs are meant, or where a scheduler is. Those commands
// that ask across all apps have some of the same name and others not at all; none may be ignored.
absl::Status CheckAdminOptions(const std::vector<std::string>& arguments, const CLI::App& command,
                               bool has_tls) {
  const auto name = std::find(arguments.begin(), arguments.end(), command.get_name());
  for (const std::string option : {"--namespace", "--app-id"}) {
    const bool is_its_own = command.get_option_no_throw(option) != nullptr;
    if (!is_its_own && IsWritten(option, arguments.begin(), arguments.end())) {
      return absl::InvalidArgumentError(option + " is no option of " + command.get_name() +
                                        ", see its --help");
    }
    if (is_its_own && IsWritten(option, arguments.begin(), name)) {
      return absl::InvalidArgumentError(option + " must stand behind " + command.get_name() +
                                        ", see its --help");
    }
  }
  if (!has_tls && IsWritten("--address", arguments.begin(), arguments.end())) {
    return absl::InvalidArgumentError(
        "--address needs the options for TLS; without, it is --admin-socket or --data-dir, on the "
        "scheduler's machine");
  }
  if (has_tls && IsWritten("--admin-socket", arguments.begin(), arguments.end())) {
    return absl::InvalidArgumentError("--admin-socket is not used with the options for TLS");
  }
  return absl::OkStatus();
}

// As Complete, for what is asked across all apps. With TLS it goes where the other commands go: a
// certificate says who calls.
absl::Status CompleteAdmin(const std::vector<std::string>& arguments, const CLI::App& command,
                           const RawOptions& raw, CommandLine* line) {
  if (absl::Status status = FillTls(raw.tls, &line->client); !status.ok()) return status;
  const bool has_tls = line->client.tls.has_value();
  absl::Status status = CheckAdminOptions(arguments, command, has_tls);
  if (!status.ok() || !has_tls) return status;
  const auto addresses = SplitAddresses(raw.addresses);
  if (!addresses.ok()) return addresses.status();
  if (addresses->size() != 1) {
    return Invalid("--address", raw.addresses, "one is needed: that of the scheduler meant");
  }
  line->admin.tls = line->client.tls;
  line->admin.address = addresses->front();
  return absl::OkStatus();
}

// CLI11 takes the argument after "--ttl=" for its value; the value is the empty string.
std::vector<std::string> SplitEmptyValues(const std::vector<std::string>& arguments) {
  std::vector<std::string> split;
  bool only_positionals = false;
  for (const std::string& argument : arguments) {
    only_positionals = only_positionals || argument == "--";
    if (!only_positionals && argument.starts_with("--") && argument.ends_with("=")) {
      split.push_back(argument.substr(0, argument.size() - 1));
      split.emplace_back();
    } else {
      split.push_back(argument);
    }
  }
  return split;
}

// CLI11 says of an unknown command only that there must be one.
std::string WhatIsWrong(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> remaining = app.remaining(/*recurse=*/true);
  const bool lacks_command = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr;
  if (!lacks_command || remaining.empty()) return error.what();
  return "no such command: " + remaining.front();
}

}  // namespace

std::optional<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments,
                                            std::ostream& out, std::ostream& err, int* exit_code) {
  CommandLine line;
  RawOptions raw;
  CLI::App app("Schedules and watches jobs on a Belfry or Dapr scheduler.", "belfry");
  app.set_version_flag("--version", "belfry " BELFRY_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // common options may stand before or after the command
  app.footer("Jobs and triggers are printed as one JSON object a line.");
  AddCommonOptions(&app, &line, &raw);

  std::map<const CLI::App*, Command> commands;
  const auto add = [&](Command command, const std::string& name, const std::string& what) {
    CLI::App* added = app.add_subcommand(name, what);
    added->footer("belfry --help lists the options common to all commands.");
    commands[added] = command;
    return added;
  };
  AddSchedule(add(Command::kSchedule, "schedule", "Schedule a job"), &line, &raw);
  add(Command::kGet, "get", "Print a job")->add_option("NAME", line.name)->required();
  add(Command::kList, "list", "Print all jobs of the app");
  add(Command::kDelete, "delete", "Delete a job; fine if there is none")
      ->add_option("NAME", line.name)
      ->required();
  add(Command::kDeletePrefix, "delete-prefix", "Delete the jobs whose names begin with PREFIX")
      ->add_option("PREFIX", line.name, "\"\" for all jobs of the app")
      ->required();
  AddWatch(add(Command::kWatch, "watch", "Receive the app's triggers, print and answer them"),
           &line, &raw);
  AddNext(add(Command::kNext, "next", "Print when a job would fire; talks to no scheduler"), &raw);
  AdminParser admin;
  admin.AddTo(&app);

  // CLI11 reports by exceptions, and wants the arguments in reverse.
  try {
    std::vector<std::string> reversed = SplitEmptyValues(arguments);
    std::reverse(reversed.begin(), reversed.end());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    const bool is_answer = error.get_exit_code() == 0;  // help and version
    if (is_answer) app.exit(error, out, err);
    if (!is_answer) err << "belfry: usage: " << WhatIsWrong(app, error) << "\n";
    *exit_code = is_answer ? kExitOk : kExitUsage;
    return std::nullopt;
  }
  const CLI::App* command = app.get_subcommands().front();
  const auto it = commands.find(command);
  line.command = it != commands.end() ? it->second : Command::kAdmin;
  line.command_name = command->get_name();
  absl::Status status;
  if (line.command == Command::kAdmin) {
    if (!command->get_subcommands().empty()) command = command->get_subcommands().front();
    status = admin.Finish(command, &line.admin);
    if (status.ok()) status = CompleteAdmin(arguments, *command, raw, &line);
  } else {
    status = Complete(*command, raw, &line);
  }
  if (!status.ok()) {
    err << "belfry: " << line.command_name << ": " << std::string(status.message()) << "\n";
    *exit_code = kExitUsage;
    return std::nullopt;
  }
  return line;
}

}  // namespace belfry
