#include "client/cli/commands.h"

#include <string>

#include "client/cli/job_json.h"

namespace belfry {

namespace {

absl::Status Get(const std::string& name, Client* client, std::ostream& out) {
  const auto job = client->Get(name);
  if (!job.ok()) return job.status();
  out << JobLine(name, *job) << "\n";
  return absl::OkStatus();
}

absl::Status List(Client* client, std::ostream& out) {
  const auto jobs = client->List();
  if (!jobs.ok()) return jobs.status();
  for (const auto& job : *jobs) out << JobLine(job.name(), job.job()) << "\n";
  return absl::OkStatus();
}

absl::Status Call(const CommandLine& line, Client* client, std::ostream& out) {
  switch (line.command) {
    case Command::kSchedule:
      return client->Schedule(line.name, line.job, line.overwrite);
    case Command::kGet:
      return Get(line.name, client, out);
    case Command::kList:
      return List(client, out);
    case Command::kDelete:
      return client->Delete(line.name);
    case Command::kDeletePrefix:
      return client->DeletePrefix(line.name);
    case Command::kWatch:
    case Command::kNext:
    case Command::kAdmin:
      break;
  }
  return absl::InternalError("not a call");
}

}  // namespace

int RunCall(const CommandLine& line, Client* client, std::ostream& out, std::ostream& err) {
  const absl::Status status = Call(line, client, out);
  if (status.ok()) return kExitOk;
  err << "belfry: " << line.command_name << ": " << absl::StatusCodeToString(status.code()) << ": "
      << std::string(status.message()) << "\n";
  return kExitFailed;
}

}  // namespace belfry
