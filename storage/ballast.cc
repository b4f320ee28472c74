#include "storage/ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "scheduler/base/status_macros.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

constexpr char kBallastFile[] = "belfry.ballast";
constexpr mode_t kFileMode = 0600;
// What st_blocks counts in, whatever the blocks of the file system are.
constexpr uint64_t kStatBlockBytes = 512;

absl::Status FileError(int error, const char* what, const std::string& path) {
  return absl::ErrnoToStatus(error, fmt::format("cannot {} ballast file \"{}\"", what, path));
}

// Whether a file of exactly `bytes` is there, none of it a hole.
bool IsWhole(const std::string& path, uint64_t bytes) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && static_cast<uint64_t>(status.st_size) == bytes &&
         static_cast<uint64_t>(status.st_blocks) * kStatBlockBytes >= bytes;
}

}  // namespace

Ballast::Ballast(const std::string& directory, uint64_t bytes)
    : path_(directory + "/" + kBallastFile), bytes_(bytes), held_(IsWhole(path_, bytes)) {}

absl::Status Ballast::DropOther() {
  if (held_ || ::access(path_.c_str(), F_OK) != 0) return absl::OkStatus();
  return Empty();
}

absl::Status Ballast::Make() {
  RETURN_IF_ERROR(Empty());
  const int file = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return FileError(errno, "open", path_);
  const int error = bytes_ == 0 ? 0 : ::posix_fallocate(file, 0, static_cast<off_t>(bytes_));
  ::close(file);
  held_ = error == 0;
  if (held_) return absl::OkStatus();
  RETURN_IF_ERROR(Empty());
  return FileError(error, "make", path_);
}

absl::Status Ballast::GiveUp() {
  held_ = false;
  return Empty();
}

absl::Status Ballast::Empty() {
  const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, kFileMode);
  if (file < 0) return FileError(errno, "open", path_);
  const int error = ::ftruncate(file, 0) == 0 ? 0 : errno;
  ::close(file);
  return error == 0 ? absl::OkStatus() : FileError(error, "truncate", path_);
}

}  // namespace belfry
