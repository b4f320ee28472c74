#pragma once

// The commands of whoever runs a scheduler: admin, export and import.

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "belfry/tls.h"
#include "belfry/v1/admin.pb.h"

namespace belfry {

enum class AdminCommand { kBackup, kVerify, kQuarantine, kList, kExport, kImport };

struct AdminOptions {
  AdminCommand command = AdminCommand::kBackup;
  // Where the scheduler listens: with TLS its gRPC port; else the socket, or admin.sock in the data
  // directory.
  std::optional<TlsOptions> tls;
  std::string address;
  std::string socket;
  std::string data_dir = "./data";
  absl::Duration timeout;

  std::string directory;  // backup, verify
  v1::JobFilter filter;   // list, export
  std::string file;       // import; empty or "-" means standard input
  v1::ImportOptions import;
};

// What CLI11 writes to, and what it then means.
class AdminParser {
 public:
  // Adds the commands to `app`. This object must outlive it.
  void AddTo(CLI::App* app);

  // What was given with `command`, one of those that were added, or of admin's. InvalidArgument,
  // naming the option, if a value is wrong.
  absl::Status Finish(const CLI::App* command, AdminOptions* options) const;

 private:
  void AddConnection(CLI::App* app);
  void AddFilter(CLI::App* app, bool with_target);

  AdminOptions options_;
  std::string timeout_ = "1h";
  std::string ns_, app_id_, actor_type_;
  std::string on_conflict_ = "fail";
  bool dry_run_ = false;

  const CLI::App* backup_ = nullptr;
  const CLI::App* verify_ = nullptr;
  const CLI::App* quarantine_ = nullptr;
  const CLI::App* list_ = nullptr;
  const CLI::App* export_ = nullptr;
  const CLI::App* import_ = nullptr;
};

}  // namespace belfry
