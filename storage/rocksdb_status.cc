#include "storage/rocksdb_status.h"

#include <cstddef>
#include <string>
#include <string_view>

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

// Whether a text is about a file that is not there; puts the name of a table file right. RocksDB
// tries a name of old, and then tells of that.
bool NamesMissingFile(std::string* text) {
  constexpr std::string_view kMissing = ": No such file";
  if (text->find(kMissing) == std::string::npos) return false;
  for (size_t old = 0; (old = text->find(".ldb", old)) != std::string::npos;) {
    text->replace(old, 4, ".sst");
  }
  return true;
}

}  // namespace

absl::Status FromRocksDb(const rocksdb::Status& status, std::string_view context) {
  if (status.ok()) return absl::OkStatus();
  // RocksDB's text names the file.
  std::string text = status.ToString();
  const char* advice = "";
  if (status.IsNoSpace()) {
    advice = "; make room on the disk, then start again";
  } else if (NamesMissingFile(&text)) {
    advice = "; a file is missing: restore the data directory from a backup";
  } else if (status.IsCorruption()) {
    advice =
        "; that file, or one that it tells of, is damaged: restore the data directory from a "
        "backup";
  }
  return absl::Status(CodeOf(status), fmt::format("{}: {}{}", context, text, advice));
}

}  // namespace belfry
