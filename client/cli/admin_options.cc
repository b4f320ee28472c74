#include "client/cli/admin_options.h"

#include <map>

namespace belfry {

namespace {

const std::map<std::string, v1::ConflictRule> kRules = {
    {"skip", v1::CONFLICT_RULE_SKIP},
    {"replace", v1::CONFLICT_RULE_REPLACE},
    {"fail", v1::CONFLICT_RULE_FAIL},
};

}  // namespace

void AdminParser::AddConnection(CLI::App* app) {
  app->add_option("--data-dir", options_.data_dir, "The scheduler's data directory")
      ->envname("BELFRY_DATA_DIR")
      ->capture_default_str();
  app->add_option(
         "--admin-socket", options_.socket,
         "The scheduler's admin socket; default admin.sock in the data directory. With the "
         "options for TLS it is --address instead")
      ->envname("BELFRY_ADMIN_SOCKET");
  app->add_option("--timeout", timeout_, "Longest time for the call")->capture_default_str();
}

// Namespaces are not taken from the environment here: without the option, all of them are meant.
void AdminParser::AddFilter(CLI::App* app, bool with_target) {
  auto* ns = app->add_option("--namespace", ns_, "Only jobs of this namespace; default all");
  if (!with_target) return;
  auto* target = app->add_option_group("target", "At most one of:");
  target->add_option("--app-id", app_id_, "Only jobs of this app")->needs(ns);
  target->add_option("--actor-type", actor_type_, "Only reminders of this actor type")->needs(ns);
  target->require_option(0, 1);
}

void AdminParser::AddTo(CLI::App* app) {
  CLI::App* admin = app->add_subcommand("admin", "Back up, verify and look into a scheduler");
  admin->require_subcommand(1);
  CLI::App* backup = admin->add_subcommand("backup", "Copy the store while the scheduler works");
  backup->add_option("--to", options_.directory, "Directory to make, on the scheduler's machine")
      ->required();
  CLI::App* verify = admin->add_subcommand(
      "verify", "Read a backup, or the directory of a stopped scheduler, and tell what is wrong");
  verify->add_option("DIR", options_.directory, "The directory")->required();
  CLI::App* quarantine =
      admin->add_subcommand("quarantine", "Print the records that could not be read");
  CLI::App* list = admin->add_subcommand("list", "Print jobs, however many there are");
  AddFilter(list, /*with_target=*/true);
  CLI::App* exporting =
      app->add_subcommand("export", "Print jobs with their progress, for belfry import");
  AddFilter(exporting, /*with_target=*/false);
  CLI::App* importing = app->add_subcommand("import", "Store jobs that were exported");
  importing->add_option("FILE", options_.file, "What export printed; default standard input");
  importing->add_flag("--dry-run", dry_run_, "Check everything, store nothing");
  importing->add_option("--on-conflict", on_conflict_, "What happens if a name is taken")
      ->check(CLI::IsMember({"skip", "replace", "fail"}))
      ->capture_default_str();
  for (CLI::App* command : {backup, quarantine, list, exporting, importing}) AddConnection(command);
  backup_ = backup;
  verify_ = verify;
  quarantine_ = quarantine;
  list_ = list;
  export_ = exporting;
  import_ = importing;
}

absl::Status AdminParser::Finish(const CLI::App* command, AdminOptions* options) const {
  const std::map<const CLI::App*, AdminCommand> commands = {
      {backup_, AdminCommand::kBackup},         {verify_, AdminCommand::kVerify},
      {quarantine_, AdminCommand::kQuarantine}, {list_, AdminCommand::kList},
      {export_, AdminCommand::kExport},         {import_, AdminCommand::kImport},
  };
  *options = options_;
  options->command = commands.at(command);
  if (!absl::ParseDuration(timeout_, &options->timeout) ||
      options->timeout <= absl::ZeroDuration() || options->timeout == absl::InfiniteDuration()) {
    return absl::InvalidArgumentError("--timeout \"" + timeout_ +
                                      "\": not a duration such as 90s or 1m30s");
  }
  for (const char* option : {"--namespace", "--app-id", "--actor-type"}) {
    const CLI::Option* const given = command->get_option_no_throw(option);
    if (given != nullptr && given->count() > 0 && given->as<std::string>().empty()) {
      return absl::InvalidArgumentError(std::string(option) + " \"\": must not be empty");
    }
  }
  options->filter.set_namespace_(ns_);
  if (!app_id_.empty()) options->filter.set_app_id(app_id_);
  if (!actor_type_.empty()) options->filter.set_actor_type(actor_type_);
  options->import.set_dry_run(dry_run_);
  options->import.set_on_conflict(kRules.at(on_conflict_));
  return absl::OkStatus();
}

}  // namespace belfry
