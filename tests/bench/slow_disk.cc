// A library to be preloaded (LD_PRELOAD) that makes a disk slow: every call that waits for the disk
// waits BELFRY_SLOW_DISK_MS longer. It stands between a program and the C library, so that the
// program under test is the one that is shipped.

#include <dlfcn.h>
#include <time.h>

#include <cstdlib>

namespace {

void Delay() {
  static const long ms = [] {
    const char* const text = std::getenv("BELFRY_SLOW_DISK_MS");
    return text == nullptr ? 0L : std::strtol(text, nullptr, 10);
  }();
  timespec left{ms / 1000, ms % 1000 * 1'000'000};
  while (nanosleep(&left, &left) != 0) {
  }
}

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

__attribute__((visibility("default"))) int fsync(int file) {
  static auto* const next = Next<int(int)>("fsync");
  Delay();
  return next(file);
}

__attribute__((visibility("default"))) int fdatasync(int file) {
  static auto* const next = Next<int(int)>("fdatasync");
  Delay();
  return next(file);
}

__attribute__((visibility("default"))) int sync_file_range(int file, off64_t offset, off64_t count,
                                                           unsigned flags) {
  static auto* const next = Next<int(int, off64_t, off64_t, unsigned)>("sync_file_range");
  // Without flags it writes nothing: that is how RocksDB asks whether the call is there.
  if (flags != 0) Delay();
  return next(file, offset, count, flags);
}

}  // extern "C"
