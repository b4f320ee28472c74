#include "client/cli/admin_commands.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/escaping.h"
#include "client/cli/admin_client.h"
#include "client/cli/command_line.h"
#include "client/cli/export_line.h"
#include "client/cli/import.h"
#include "client/cli/job_json.h"
#include "client/src/grpc_status.h"
#include "google/protobuf/util/time_util.h"

namespace belfry {

namespace json = boost::json;

namespace {

absl::Status NotOffered() {
  return absl::UnimplementedError(
      "the scheduler administers over the network only with mutual TLS, see its --tls-ca-file and "
      "--admin-identities; without the options for TLS its socket is used");
}

absl::Status CannotWrite() { return absl::DataLossError("cannot write the output"); }

absl::Status Backup(const AdminOptions& options, v1::Admin::Stub* stub, std::ostream& out) {
  if (options.directory.empty()) return absl::InvalidArgumentError("--to: is empty");
  v1::BackupRequest request;
  // The scheduler has another working directory.
  request.set_directory(std::filesystem::absolute(options.directory).lexically_normal().string());
  v1::BackupResponse response;
  grpc::ClientContext context;
  SetTimeout(options, &context);
  const grpc::Status status = stub->Backup(&context, request, &response);
  if (!status.ok()) return client::FromGrpc(status);
  json::object line;
  line["directory"] = request.directory();
  line["jobs"] = response.jobs();
  line["counters"] = response.counters();
  line["quarantined"] = response.quarantined();
  line["files"] = response.files();
  line["bytes"] = response.bytes();
  out << json::serialize(line) << "\n";
  return absl::OkStatus();
}

absl::Status Quarantine(const AdminOptions& options, v1::Admin::Stub* stub, std::ostream& out) {
  grpc::ClientContext context;
  SetTimeout(options, &context);
  const auto reader = stub->ListQuarantine(&context, v1::ListQuarantineRequest());
  v1::QuarantinedRecord record;
  while (reader->Read(&record)) {
    json::object line;
    line["table"] = record.table();
    line["key"] = absl::BytesToHexString(record.key());
    line["reason"] = record.reason();
    if (record.has_time()) {
      line["time"] = google::protobuf::util::TimeUtil::ToString(record.time());
    }
    line["size"] = record.size();
    out << json::serialize(line) << "\n";
  }
  return client::FromGrpc(reader->Finish());
}

// What `belfry list` prints, and whose the job is.
std::string ListLine(const dapr::proto::scheduler::v1::NamedJob& job) {
  json::object owner;
  owner["namespace"] = job.metadata().namespace_();
  owner["appId"] = job.metadata().app_id();
  if (job.metadata().target().has_actor()) {
    owner["actorType"] = job.metadata().target().actor().type();
    owner["actorId"] = job.metadata().target().actor().id();
  }
  std::string line = json::serialize(owner);
  line.back() = ',';
  return line + JobLine(job.name(), job.job()).substr(1);
}

// Prints the jobs of a stream, each as `line_of` has it; others are told on `err`.
template <typename Response, typename LineOf>
absl::Status Print(grpc::ClientContext* context, grpc::ClientReader<Response>* reader,
                   std::ostream& out, std::ostream& err, LineOf line_of) {
  Response response;
  uint64_t unreadable = 0;
  while (reader->Read(&response)) {
    if (response.has_unreadable()) {
      ++unreadable;
      err << "belfry: left out: " << response.unreadable().name() << ": "
          << response.unreadable().error() << "\n";
      continue;
    }
    out << line_of(response.job()) << "\n";
    if (!out) {
      context->TryCancel();
      reader->Finish();
      return CannotWrite();
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return client::FromGrpc(status);
  if (unreadable == 0) return absl::OkStatus();
  return absl::DataLossError(std::to_string(unreadable) + " jobs could not be read");
}

absl::Status List(const AdminOptions& options, v1::Admin::Stub* stub, std::ostream& out,
                  std::ostream& err) {
  v1::ListJobsRequest request;
  *request.mutable_filter() = options.filter;
  grpc::ClientContext context;
  SetTimeout(options, &context);
  const auto reader = stub->ListJobs(&context, request);
  return Print(&context, reader.get(), out, err, ListLine);
}

absl::Status Export(const AdminOptions& options, v1::Admin::Stub* stub, std::ostream& out,
                    std::ostream& err) {
  v1::ExportRequest request;
  *request.mutable_filter() = options.filter;
  grpc::ClientContext context;
  SetTimeout(options, &context);
  const auto reader = stub->Export(&context, request);
  return Print(&context, reader.get(), out, err, ExportLine);
}

absl::Status Import(const AdminOptions& options, v1::Admin::Stub* stub, std::istream& in,
                    std::ostream& out, std::ostream& err) {
  if (options.file.empty() || options.file == "-") {
    return RunImport(options, stub, in, out, err);
  }
  std::ifstream file(options.file, std::ios::binary);
  if (!file) return absl::NotFoundError("cannot open \"" + options.file + "\"");
  return RunImport(options, stub, file, out, err);
}

absl::Status Call(const AdminOptions& options, std::istream& in, std::ostream& out,
                  std::ostream& err) {
  const auto stub = ConnectToAdmin(options);
  if (!stub.ok()) return stub.status();
  switch (options.command) {
    case AdminCommand::kBackup:
      return Backup(options, stub->get(), out);
    case AdminCommand::kQuarantine:
      return Quarantine(options, stub->get(), out);
    case AdminCommand::kList:
      return List(options, stub->get(), out, err);
    case AdminCommand::kExport:
      return Export(options, stub->get(), out, err);
    case AdminCommand::kImport:
      return Import(options, stub->get(), in, out, err);
    case AdminCommand::kVerify:
      break;
  }
  return absl::InternalError("not a call");
}

const char* NameOf(AdminCommand command) {
  switch (command) {
    case AdminCommand::kBackup:
      return "admin backup";
    case AdminCommand::kVerify:
      return "admin verify";
    case AdminCommand::kQuarantine:
      return "admin quarantine";
    case AdminCommand::kList:
      return "admin list";
    case AdminCommand::kExport:
      return "export";
    case AdminCommand::kImport:
      return "import";
  }
  return "";
}

}  // namespace

int RunAdmin(const AdminOptions& options, std::istream& in, std::ostream& out, std::ostream& err) {
  absl::Status status = Call(options, in, out, err);
  out.flush();
  if (status.ok() && !out) status = CannotWrite();
  if (absl::IsUnimplemented(status) && status.message().empty()) status = NotOffered();
  if (status.ok()) return kExitOk;
  err << "belfry: " << NameOf(options.command) << ": " << absl::StatusCodeToString(status.code())
      << ": " << std::string(status.message()) << "\n";
  return kExitFailed;
}

}  // namespace belfry
