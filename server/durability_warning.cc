#include "server/durability_warning.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include "fmt/format.h"

namespace belfry::server {
namespace {

namespace fs = std::filesystem;

// The magic number of the file system that holds the path or its nearest existing parent.
std::optional<uint32_t> FileSystemType(fs::path path) {
  while (true) {
    struct statfs status {};
    if (statfs(path.c_str(), &status) == 0) return static_cast<uint32_t>(status.f_type);
    if (errno != ENOENT || !path.has_relative_path()) return std::nullopt;
    path = path.parent_path();
  }
}

}  // namespace

std::string AbsolutePath(const std::string& directory) {
  std::error_code error;
  const fs::path path = fs::absolute(directory, error);
  if (error) return directory;
  std::string text = path.lexically_normal().string();
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

std::optional<std::string> DurabilityWarning(const std::string& directory) {
  const std::string path = AbsolutePath(directory);
  const std::optional<uint32_t> type = FileSystemType(path);
  if (type == uint32_t{TMPFS_MAGIC} || type == uint32_t{RAMFS_MAGIC}) {
    return fmt::format(
        "data directory {} lies in memory, so all jobs are lost when the machine restarts: point "
        "--data-dir at a disk or a mounted volume",
        path);
  }
  if (type == uint32_t{OVERLAYFS_SUPER_MAGIC}) {
    return fmt::format(
        "data directory {} lies in the container's own file system, so all jobs are lost when the "
        "container is replaced: mount a volume there or point --data-dir at one",
        path);
  }
  return std::nullopt;
}

}  // namespace belfry::server
