#include "tests/integration/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/integration/eventually.h"

namespace belfry::integration {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kFillChunk = uint64_t{1} << 20;
constexpr uint64_t kFillChunkMin = 4096;

// Where it is noted that tests were skipped; `make test` looks there at its end.
std::string SkippedDirectory() { return BELFRY_BIN_DIR "/../skipped/disk"; }

// Mounts are seen by this thread and its children only, and go away with them.
bool HasOwnMounts() {
  static const bool has = ::unshare(CLONE_NEWNS) == 0 &&
                          ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return has;
}

bool MountMemory(const std::string& path, uint64_t bytes) {
  const std::string options = "size=" + std::to_string(bytes);
  return ::mount("belfry-test", path.c_str(), "tmpfs", 0, options.c_str()) == 0;
}

bool MountExt4(const std::string& image, const std::string& path, uint64_t bytes) {
  std::ofstream(image).close();
  fs::resize_file(image, bytes);
  // Nothing is set aside for the superuser, who may be running this.
  const std::string command =
      "mkfs.ext4 -q -m 0 " + image + " && mount -o loop " + image + " " + path + " 2>/dev/null";
  return std::system(command.c_str()) == 0;
}

void NoteSkipped(const std::string& kind) {
  const char* ci = std::getenv("CI");
  INFO("mounting a small " << kind << " is not permitted here");
  REQUIRE_FALSE((ci != nullptr && std::string(ci) == "true"));
  fs::create_directories(SkippedDirectory());
  std::ofstream(SkippedDirectory() + "/skipped")
      << "*** the tests with a full disk were skipped: mounting needs the superuser ***\n";
}

}  // namespace

std::unique_ptr<SmallDisk> SmallDisk::Mount(Kind kind, uint64_t bytes) {
  std::unique_ptr<SmallDisk> disk(new SmallDisk);
  fs::create_directory(disk->path_);
  const bool mounted = HasOwnMounts() && (kind == Kind::kMemory ? MountMemory(disk->path_, bytes)
                                                                : MountExt4(disk->dir_ / "image",
                                                                            disk->path_, bytes));
  if (!mounted) {
    NoteSkipped(kind == Kind::kMemory ? "tmpfs" : "ext4");
    return nullptr;
  }
  std::error_code ignored;
  fs::remove_all(SkippedDirectory(), ignored);
  return disk;
}

SmallDisk::~SmallDisk() { ::umount2(path_.c_str(), MNT_DETACH); }

uint64_t SmallDisk::free_bytes() const {
  struct statvfs status {};
  REQUIRE(::statvfs(path_.c_str(), &status) == 0);
  return uint64_t{status.f_bavail} * status.f_frsize;
}

void SmallDisk::Fill(uint64_t left) {
  const uint64_t room = free_bytes();
  if (room > left) Take(room - left);
}

bool SmallDisk::FillUntil(const std::function<bool()>& is_enough) {
  return Eventually([&] {
    // What the scheduler gives up after this is for itself.
    const uint64_t room = free_bytes();
    if (is_enough()) return true;
    Take(room);
    return false;
  });
}

void SmallDisk::Take(uint64_t bytes) {
  const int file = ::open((*this / "fill").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(file >= 0);
  uint64_t size = fs::file_size(*this / "fill");
  const uint64_t size_max = size + bytes;
  for (uint64_t chunk = kFillChunk; chunk >= kFillChunkMin;) {
    const bool has_grown =
        size + chunk <= size_max &&
        ::posix_fallocate(file, static_cast<off_t>(size), static_cast<off_t>(chunk)) == 0;
    if (has_grown) {
      size += chunk;
    } else {
      chunk /= 2;
    }
  }
  ::close(file);
}

void SmallDisk::RemoveFill() { fs::remove(*this / "fill"); }

}  // namespace belfry::integration
