#include "storage/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "scheduler/base/status_macros.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

namespace fs = std::filesystem;

constexpr char kLockFile[] = "belfry.lock";
// The file by which RocksDB finds its newest manifest; it exists in every complete database.
constexpr char kDatabaseMarker[] = "CURRENT";
constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;

absl::Status PathError(int error, const std::string& what, const fs::path& path) {
  return absl::ErrnoToStatus(error, fmt::format("cannot {} \"{}\"", what, path.string()));
}

// The directory that holds the entry of `path`; "." for a plain relative name.
fs::path ParentOf(const fs::path& path) {
  const fs::path parent = path.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

absl::Status MakeDirectories(const fs::path& path) {
  fs::path made;
  for (const fs::path& part : path) {
    made /= part;
    if (::mkdir(made.c_str(), kDirectoryMode) == 0) {
      RETURN_IF_ERROR(SyncDirectory(ParentOf(made).string()));
      continue;
    }
    // Not every error matters here: "/" may be on a read-only file system, for one. What counts is
    // whether there is a directory afterwards.
    const int error = errno;
    std::error_code ignored;
    if (!fs::is_directory(made, ignored)) return PathError(error, "create data directory", made);
  }
  return absl::OkStatus();
}

bool Exists(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool IsEtcdData(const fs::path& path) {
  return Exists(path / "member") || Exists(path / "dapr-0.1") ||
         Exists(path / "dapr-scheduler-existing-cluster");
}

// Where in `path` the data of an etcd lies, if any: in itself or, as a scheduler outside of
// Kubernetes keeps it, in a directory below it.
absl::StatusOr<std::optional<fs::path>> FindEtcdData(const fs::path& path) {
  if (IsEtcdData(path)) return std::optional<fs::path>(path);
  std::error_code error;
  fs::directory_iterator entry(path, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (IsEtcdData(entry->path())) return std::optional<fs::path>(entry->path());
  }
  if (error) return PathError(error.value(), "read data directory", path);
  return std::optional<fs::path>();
}

absl::Status RefuseEtcdData(const fs::path& path) {
  ASSIGN_OR_RETURN(const std::optional<fs::path> found, FindEtcdData(path));
  if (!found.has_value()) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "data directory \"{}\": \"{}\" holds the data of an etcd, probably of a dapr scheduler, "
      "which "
      "belfry cannot read; use another, empty directory and schedule the jobs again, or move the "
      "etcd data away if it is not needed",
      path.string(), found->string()));
}

// Without its marker RocksDB would begin a new database and delete the files of the old one.
absl::Status RefuseLostDatabase(const fs::path& path) {
  std::error_code error;
  fs::directory_iterator entry(path, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const fs::path extension = entry->path().extension();
    if (extension != ".sst" && extension != ".log") continue;
    return absl::DataLossError(
        fmt::format("data directory \"{}\" holds \"{}\" of a database but no file \"{}\"; restore "
                    "the directory "
                    "from a backup, or use an empty one",
                    path.string(), entry->path().filename().string(), kDatabaseMarker));
  }
  if (error) return PathError(error.value(), "read data directory", path);
  return absl::OkStatus();
}

absl::StatusOr<int> LockDirectory(const fs::path& path) {
  const fs::path file = path / kLockFile;
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (fd < 0) return PathError(errno, "write to data directory: open", file);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int error = errno;
  ::close(fd);
  if (error != EWOULDBLOCK) return PathError(error, "lock", file);
  return absl::FailedPreconditionError(
      fmt::format("data directory \"{}\" is in use: another process holds \"{}\"; a directory "
                  "belongs to one running scheduler",
                  path.string(), file.string()));
}

}  // namespace

absl::Status SyncDirectory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return PathError(errno, "open directory", path);
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return error == 0 ? absl::OkStatus() : PathError(error, "sync directory", path);
}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("data directory: the path is empty");
  RETURN_IF_ERROR(MakeDirectories(path));
  if (!Exists(fs::path(path) / kDatabaseMarker)) {
    RETURN_IF_ERROR(RefuseEtcdData(path));
    RETURN_IF_ERROR(RefuseLostDatabase(path));
  }
  ASSIGN_OR_RETURN(const int lock_fd, LockDirectory(path));
  return std::unique_ptr<DataDirectory>(new DataDirectory(path, lock_fd));
}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::OpenForReading(
    const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    return absl::NotFoundError(fmt::format("\"{}\" is not a directory", path));
  }
  if (!Exists(fs::path(path) / kDatabaseMarker)) {
    return absl::NotFoundError(
        fmt::format("\"{}\" holds no store: there is no file \"{}\"", path, kDatabaseMarker));
  }
  // A backup has no lock file, and may lie on a medium that cannot be written.
  const fs::path file = fs::path(path) / kLockFile;
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno != ENOENT) return PathError(errno, "open", file);
  if (fd >= 0 && ::flock(fd, LOCK_SH | LOCK_NB) != 0) {
    const int error = errno;
    ::close(fd);
    if (error != EWOULDBLOCK) return PathError(error, "lock", file);
    return absl::FailedPreconditionError(
        fmt::format("\"{}\" is in use: a running scheduler writes it", path));
  }
  return std::unique_ptr<DataDirectory>(new DataDirectory(path, fd));
}

DataDirectory::DataDirectory(std::string path, int lock_fd)
    : path_(std::move(path)), lock_fd_(lock_fd) {}

bool DataDirectory::IsInPlace() const {
  struct stat held = {};
  struct stat found = {};
  return ::fstat(lock_fd_, &held) == 0 &&
         ::stat((fs::path(path_) / kLockFile).c_str(), &found) == 0 &&
         held.st_dev == found.st_dev && held.st_ino == found.st_ino;
}

DataDirectory::~DataDirectory() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

bool DataDirectory::HasDatabase() const { return Exists(fs::path(path_) / kDatabaseMarker); }

absl::Status DataDirectory::Sync() const {
  RETURN_IF_ERROR(SyncDirectory(path_));
  // ".." and not the path's own text, which may end in a slash or be relative.
  return SyncDirectory((fs::path(path_) / "..").string());
}

}  // namespace belfry
