#pragma once

// DataDirectory: the directory that a store lives in. Opening makes it if it is absent, refuses
// one that another process uses or that another program's data lies in, and holds it until the
// object is gone.

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace belfry {

// Makes the entries of a directory durable.
absl::Status SyncDirectory(const std::string& path);

// Thread safety: none; open it, keep it, destroy it.
class DataDirectory {
 public:
  // Makes `path` and its missing parents, durably and for the owner only, and takes its lock.
  // FailedPrecondition if another process, or this one, holds it already, or if the data of an etcd
  // (as Dapr's own scheduler keeps) is found in place of ours; DataLoss if there are files of a
  // database but not the one that leads to them; another error that names the path if it cannot be
  // made, read or written.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(const std::string& path);

  // Takes a directory that is there for reading only, and changes nothing in it. NotFound if it is
  // not a directory or holds no database; FailedPrecondition if another process writes it.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> OpenForReading(const std::string& path);

  // Gives the lock back.
  ~DataDirectory();
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  const std::string& path() const { return path_; }

  // Whether a database has been created in it.
  bool HasDatabase() const;

  // Whether its path still leads to the directory that was opened: somebody may have removed or
  // moved it, and RocksDB would write on to files that nobody finds again. REQUIRES: not opened for
  // reading. Any thread.
  bool IsInPlace() const;

  // Makes the entries of the directory, and its own entry in its parent, durable.
  absl::Status Sync() const;

 private:
  DataDirectory(std::string path, int lock_fd);

  const std::string path_;
  const int lock_fd_;  // negative: there is none to hold
};

}  // namespace belfry
