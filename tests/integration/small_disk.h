#pragma once

// SmallDisk: a file system of a few MiB, really mounted, to be filled up.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tests/support/temp_dir.h"

namespace belfry::integration {

// Thread safety: belongs to the test's main thread; only processes that it starts see the disk.
class SmallDisk {
 public:
  enum class Kind { kMemory, kExt4 };

  // Null where this machine does not let us mount, which is written down for the end of
  // `make test`; with CI=true the test fails instead.
  static std::unique_ptr<SmallDisk> Mount(Kind kind, uint64_t bytes);
  // REQUIRES: no process uses it any more.
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // The path of an entry on the disk, which need not exist.
  std::string operator/(const std::string& entry) const { return path_ + "/" + entry; }

  uint64_t free_bytes() const;
  // Somebody else writes files until at most about `left` bytes are free; or, again and again, all
  // that is free until `is_enough`, and whether that came true in time; and removes them.
  void Fill(uint64_t left);
  [[nodiscard]] bool FillUntil(const std::function<bool()>& is_enough);
  void RemoveFill();

 private:
  SmallDisk() : path_(dir_ / "disk") {}
  void Take(uint64_t bytes);

  const TempDir dir_;
  const std::string path_;
};

}  // namespace belfry::integration
