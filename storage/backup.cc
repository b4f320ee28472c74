#include "storage/backup.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "scheduler/base/status_macros.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "storage/data_directory.h"
#include "storage/wal_check.h"

namespace belfry {
namespace {

namespace fs = std::filesystem;

// Removes a directory with all that is in it, unless it is released.
class Removal {
 public:
  explicit Removal(fs::path path) : path_(std::move(path)) {}
  ~Removal() {
    if (path_.empty()) return;
    std::error_code error;
    fs::remove_all(path_, error);
    if (error) {
      spdlog::error("cannot remove an unfinished backup path=\"{}\" error=\"{}\"", path_.string(),
                    error.message());
    }
  }
  Removal(const Removal&) = delete;
  Removal& operator=(const Removal&) = delete;

  void Release() { path_.clear(); }

 private:
  fs::path path_;
};

// Without a slash at its end, which would hide the name.
absl::StatusOr<fs::path> Normalized(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("backup directory: the path is empty");
  fs::path normal = fs::path(path).lexically_normal();
  if (!normal.has_filename()) normal = normal.parent_path();
  std::error_code error;
  const fs::path parent = normal.has_parent_path() ? normal.parent_path() : fs::path(".");
  const fs::path found = fs::canonical(parent, error);
  if (error) {
    return absl::FailedPreconditionError(
        fmt::format("backup directory \"{}\": \"{}\": {}", path, parent.string(), error.message()));
  }
  return found / normal.filename();
}

bool LiesIn(const fs::path& path, const fs::path& directory) {
  const auto [rest, ignored] =
      std::mismatch(directory.begin(), directory.end(), path.begin(), path.end());
  return rest == directory.end();
}

absl::Status CheckTarget(const fs::path& to, const std::string& store_path) {
  std::error_code error;
  const fs::path own = fs::canonical(store_path, error);
  if (!error && LiesIn(to, own)) {
    return absl::InvalidArgumentError(fmt::format(
        "backup directory \"{}\" lies in the data directory; use another place", to.string()));
  }
  if (!fs::exists(fs::symlink_status(to, error))) return absl::OkStatus();
  if (fs::is_directory(to, error) && fs::is_empty(to, error) && !error) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("backup directory \"{}\" is there already and not empty", to.string()));
}

// The copy of the last log may end within a record, of a change that was being written and nobody
// was told of. Without that end, an unfinished record found later is damage.
absl::Status CutUnfinishedEnd(const fs::path& copy) {
  ASSIGN_OR_RETURN(const std::optional<TornEnd> torn, CheckWriteAheadLogs(copy.string()));
  if (!torn.has_value()) return absl::OkStatus();
  struct stat info = {};
  if (::stat(torn->file.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(errno, fmt::format("cannot look at \"{}\"", torn->file));
  }
  // A log that is shared with the store is complete, and not ours to cut.
  if (info.st_nlink > 1) {
    return absl::DataLossError(
        fmt::format("log \"{}\" is damaged at byte {}", torn->file, torn->offset));
  }
  return CutTornEnd(*torn);
}

absl::StatusOr<StoreReport> ReadCopy(const fs::path& copy,
                                     const std::function<bool()>& is_cancelled) {
  ASSIGN_OR_RETURN(const auto store, RocksDbStore::OpenReadOnly(copy.string()));
  return CheckStore(*store, CheckDepth::kRead, is_cancelled);
}

// Gives the finished copy its name, durably.
absl::Status Finish(const fs::path& copy, const fs::path& to) {
  std::error_code error;
  // An empty directory is replaced.
  fs::rename(copy, to, error);
  if (error) {
    return absl::ErrnoToStatus(
        error.value(), fmt::format("cannot rename \"{}\" to \"{}\"", copy.string(), to.string()));
  }
  return SyncDirectory(to.parent_path().string());
}

}  // namespace

absl::StatusOr<BackupReport> MakeBackup(const RocksDbStore& store, const std::string& to,
                                        const std::function<bool()>& is_cancelled) {
  ASSIGN_OR_RETURN(const fs::path target, Normalized(to));
  RETURN_IF_ERROR(CheckTarget(target, store.path()));
  const fs::path partial = target.string() + ".partial";
  std::error_code error;
  // Never removed: it may be the rest of a backup, and it may be anything else.
  if (fs::exists(fs::symlink_status(partial, error))) {
    return absl::FailedPreconditionError(fmt::format(
        "backup directory \"{}\": \"{}\" is there already; if a backup that was cut off "
        "has left it, remove it",
        target.string(), partial.string()));
  }
  Removal removal(partial);
  RETURN_IF_ERROR(store.Checkpoint(partial.string()));
  RETURN_IF_ERROR(CutUnfinishedEnd(partial));
  BackupReport report;
  ASSIGN_OR_RETURN(report.store, ReadCopy(partial, is_cancelled));
  ASSIGN_OR_RETURN(report.files, WriteBackupManifest(partial.string(), is_cancelled));
  RETURN_IF_ERROR(Finish(partial, target));
  removal.Release();
  return report;
}

absl::StatusOr<VerifyReport> VerifyStore(const std::string& directory) {
  const auto never = [] { return false; };
  VerifyReport report;
  // The files first: what RocksDB says of a damaged one may be hard to understand.
  ASSIGN_OR_RETURN(report.files, CheckBackupManifest(directory, never));
  ASSIGN_OR_RETURN(const auto store, RocksDbStore::OpenReadOnly(directory));
  ASSIGN_OR_RETURN(report.store, CheckStore(*store, CheckDepth::kAgree, never));
  return report;
}

}  // namespace belfry
