#include "client/cli/import.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "client/cli/admin_client.h"
#include "client/cli/export_line.h"
#include "client/src/grpc_status.h"

namespace belfry {

namespace json = boost::json;

namespace {

using Stream = grpc::ClientReaderWriter<v1::ImportRequest, v1::ImportResponse>;

// Reads the next line without its end; nullopt at the end of the input.
absl::StatusOr<std::optional<std::string>> ReadLine(std::istream& in) try {
  std::streambuf* const buffer = in.rdbuf();
  constexpr auto kEnd = std::char_traits<char>::eof();
  std::string line;
  for (;;) {
    const auto byte = buffer->sbumpc();
    if (byte == kEnd && line.empty()) return std::nullopt;
    if (byte == kEnd || byte == '\n') return line;
    line.push_back(static_cast<char>(byte));
    if (line.size() > kMaxImportLineBytes) {
      return absl::ResourceExhaustedError("longer than " + std::to_string(kMaxImportLineBytes) +
                                          " bytes");
    }
  }
} catch (const std::ios_base::failure& failure) {
  // Of the buffer itself, whatever the stream's exceptions() say: a directory, a broken disk.
  return absl::DataLossError(std::string("cannot read the input: ") + failure.what());
}

// What the scheduler says, and what is wrong with lines that it never sees.
// Thread safety: all methods may be called from any thread.
class Report {
 public:
  explicit Report(std::ostream& err) : err_(err) {}

  void Problem(uint64_t line, const std::string& message) {
    std::lock_guard lock(mutex_);
    err_ << "belfry: import: line " << line << ": " << message << "\n";
  }
  // A line that was not sent.
  void BadLine(uint64_t line, const absl::Status& status) {
    Problem(line, std::string(status.message()));
    std::lock_guard lock(mutex_);
    ++bad_lines_;
  }
  void Take(const v1::ImportResponse& response) {
    if (response.has_problem()) Problem(response.problem().line(), response.problem().message());
    std::lock_guard lock(mutex_);
    if (response.has_summary()) summary_ = response.summary();
  }

  // What came of it. `ended_early`: a line that was not sent has ended the import.
  absl::Status Print(const AdminOptions& options, bool ended_early, std::ostream& out) {
    std::lock_guard lock(mutex_);
    if (!summary_.has_value()) return absl::UnknownError("the scheduler sent no summary");
    const uint64_t refused = summary_->refused() + bad_lines_;
    ended_early = ended_early || summary_->ended_early();
    json::object line;
    if (options.import.dry_run()) line["dryRun"] = true;
    line["stored"] = summary_->stored();
    line["replaced"] = summary_->replaced();
    line["skipped"] = summary_->skipped();
    line["refused"] = refused;
    if (ended_early) line["endedEarly"] = true;
    out << json::serialize(line) << "\n";
    if (refused == 0) return absl::OkStatus();
    return absl::FailedPreconditionError(
        std::to_string(refused) + (refused == 1 ? " line was refused" : " lines were refused") +
        (ended_early ? ", and those behind it were not looked at" : ""));
  }

 private:
  std::mutex mutex_;
  // Guarded by mutex_.
  std::ostream& err_;
  uint64_t bad_lines_ = 0;
  std::optional<v1::ImportSummary> summary_;
};

// Sends lines until the end of the input, or until no more are wanted. True if a line that cannot
// be sent has ended the import.
bool SendLines(const AdminOptions& options, std::istream& in, Stream* stream, Report* report) {
  const bool ends_with_bad_line = options.import.on_conflict() == v1::CONFLICT_RULE_FAIL;
  v1::ImportRequest request;
  for (uint64_t number = 1;; ++number) {
    absl::StatusOr<std::optional<std::string>> line = ReadLine(in);
    if (!line.ok()) {
      // Where the next line begins is not known.
      report->BadLine(number, line.status());
      return true;
    }
    if (!line->has_value()) return false;
    if ((*line)->find_first_not_of(" \t\r") == std::string::npos) continue;
    absl::StatusOr<v1::ExportedJob> job = ParseExportLine(**line);
    if (!job.ok()) {
      report->BadLine(number, job.status());
      if (ends_with_bad_line) return true;
      continue;
    }
    request.mutable_job()->set_line(number);
    *request.mutable_job()->mutable_job() = *std::move(job);
    if (!stream->Write(request)) return false;
  }
}

}  // namespace

absl::Status RunImport(const AdminOptions& options, v1::Admin::Stub* stub, std::istream& in,
                       std::ostream& out, std::ostream& err) {
  grpc::ClientContext context;
  SetTimeout(options, &context);
  const auto stream = stub->Import(&context);
  Report report(err);
  // The scheduler may have to say something before it takes more.
  std::thread reader([&] {
    v1::ImportResponse response;
    while (stream->Read(&response)) report.Take(response);
  });
  v1::ImportRequest request;
  *request.mutable_options() = options.import;
  bool ended_early = false;
  if (stream->Write(request)) ended_early = SendLines(options, in, stream.get(), &report);
  stream->WritesDone();
  reader.join();
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return client::FromGrpc(status);
  return report.Print(options, ended_early, out);
}

}  // namespace belfry
