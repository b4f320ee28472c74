#pragma once

// Ballast: a file that holds disk space for nothing but to give it up. When others have filled the
// disk, its bytes are what progress can still be written to.
//
// Thread safety: none; ownership: its file belongs to it alone.

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace belfry {

class Ballast {
 public:
  // A file of `bytes` in `directory`, which may be there from an earlier run; nothing is made yet.
  Ballast(const std::string& directory, uint64_t bytes);
  Ballast(const Ballast&) = delete;
  Ballast& operator=(const Ballast&) = delete;

  // Whether the file is there in its full size, with space allocated for it.
  bool held() const { return held_; }
  uint64_t bytes() const { return bytes_; }

  // Drops what an earlier run left in another size. An error names the file.
  absl::Status DropOther();
  // Makes the file, or brings it to its size. On an error that names the file, it holds nothing.
  absl::Status Make();
  // Gives its space back. An error names the file.
  absl::Status GiveUp();

 private:
  // Leaves an empty file, made if it is absent.
  absl::Status Empty();

  const std::string path_;
  const uint64_t bytes_;
  bool held_;
};

}  // namespace belfry
