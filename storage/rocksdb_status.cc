#include "storage/rocksdb_status.h"

#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

absl::StatusCode CodeOf(const rocksdb::Status& status) {
  using Code = rocksdb::Status::Code;
  switch (status.code()) {
    case Code::kOk:
      return absl::StatusCode::kOk;
    case Code::kNotFound:
      return absl::StatusCode::kNotFound;
    case Code::kCorruption:
      return absl::StatusCode::kDataLoss;
    case Code::kIncomplete:
      return absl::StatusCode::kResourceExhausted;
    case Code::kShutdownInProgress:
    case Code::kBusy:
    case Code::kTryAgain:
      return absl::StatusCode::kUnavailable;
    case Code::kTimedOut:
      return absl::StatusCode::kDeadlineExceeded;
    case Code::kAborted:
      return absl::StatusCode::kAborted;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view context) {
  if (status.ok()) return absl::OkStatus();
  // RocksDB's text names the file.
  const char* advice = "";
  if (status.IsCorruption()) {
    advice = "; that file is damaged: restore the data directory from a backup";
  } else if (status.IsNoSpace()) {
    advice = "; make room on the disk, then start again";
  }
  return absl::Status(CodeOf(status), fmt::format("{}: {}{}", context, status.ToString(), advice));
}

}  // namespace belfry
