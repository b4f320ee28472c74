#pragma once

// KeySource: the newest key material that was in a set of files and was good.

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/tls/key_material.h"

namespace belfry::tls {

// Looks at the files each time that somebody asks, and reads them again when one of them is another
// file or has changed. So there is no thread and no pause: whoever begins a connection after the
// files were replaced uses what is in them now. Files that are bad, or replaced only in part,
// change nothing: what was read before stays until they are good.
//
// Thread safety: all methods may be called from any thread; callbacks run on it, and must not call
// back.
class KeySource {
 public:
  struct Events {
    // Called with everything that comes into use, the first included. May be empty.
    std::function<void(const KeyMaterial&)> on_loaded;
    // Called once for each state of the files that will not do. May be empty.
    std::function<void(const absl::Status&)> on_rejected;
  };

  // Reads nothing yet.
  explicit KeySource(KeyFiles files, Events events = {});

  // What is to be used now: the same object as the last time unless it has changed. The error of
  // ReadKeyMaterial as long as nothing good was ever there.
  absl::StatusOr<std::shared_ptr<const KeyMaterial>> Current();

  const KeyFiles& files() const { return files_; }

 private:
  // What tells a file from its successor.
  struct Stamp {
    bool exists = false;
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    int64_t modified_ns = 0;
    int64_t changed_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  using Stamps = std::array<Stamp, 3>;

  static Stamp StampOf(const std::string& path);
  Stamps StampFiles() const;
  // Reads the files until they have not changed while they were read, a few times at most.
  absl::StatusOr<KeyMaterial> ReadStable(Stamps* stamps) const;

  const KeyFiles files_;
  const Events events_;

  std::mutex mutex_;
  // Guarded by mutex_.
  bool looked_ = false;
  Stamps stamps_;  // of the last reading
  absl::Status last_error_;
  std::shared_ptr<const KeyMaterial> current_;
};

}  // namespace belfry::tls
