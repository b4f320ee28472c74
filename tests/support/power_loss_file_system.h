#pragma once

// PowerLossFileSystem: the machine's files, under RocksDB, with a power supply that can be cut.
//
// What a process writes reaches its file at once, so that a killed process loses nothing. Of each
// file it is remembered how much of it was synced; the rest is what a power cut takes away, as Loss
// says. Names are durable as soon as they are given: RocksDB syncs directories, and the order of
// names and data is what it relies on. Nothing is synced in earnest, which would only cost time.
//
// Calls that change something can be counted, and one of them made to fail.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rocksdb/file_system.h"
#include "scheduler/base/mutex.h"
#include "tests/support/random.h"

namespace belfry {

// Thread safety: all methods may be called from any thread; RocksDB's background threads do.
// What a power cut takes away of what was not synced.
enum class Loss {
  // Everything, but at times a few bytes of a record that was begun. Files that were never synced
  // go altogether or stay empty.
  kAll,
  // Everything after some byte, in the order in which it was written to all files together: the
  // disk was on its way. So the last thing that is left of it may be torn anywhere.
  kAfterSomeByte,
};

class PowerLossFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit PowerLossFileSystem(uint64_t seed, Loss loss = Loss::kAll)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), loss_(loss), random_(seed) {}

  // From now on nothing can be written or removed.
  void Freeze();
  // Ends that. With `power_lost`, first takes away what was not synced when it began.
  void Thaw(bool power_lost);

  // What becomes of a call that is to fail.
  enum class Failure {
    kError,  // it alone returns an error
    kFreeze  // as if Freeze had been called just before it
  };
  // Counts calls from 1 again; the one of that number will fail, or none if it is 0.
  void FailCall(uint64_t number, Failure failure);
  // Calls since then that would change something.
  uint64_t call_count() const;

  const char* Name() const override { return "PowerLossFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  class File;

  // One write that was not synced yet.
  struct Write {
    uint64_t number;  // counts up over all files
    uint64_t bytes;
  };

  struct Sizes {
    uint64_t written = 0;
    uint64_t synced = 0;
    bool was_synced = false;
    std::vector<Write> unsynced;
  };

  // Counts a call; its error if it fails.
  rocksdb::IOStatus Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How many bytes of a file are left, or nullopt if the file is gone.
  std::optional<uint64_t> KeptBytes(const Sizes& sizes, const Write& torn)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<uint64_t> KeptOfUnordered(const Sizes& sizes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The write at which the power fails, with the bytes of it that are left.
  Write DrawTornWrite(const std::map<std::string, std::shared_ptr<Sizes>>& files)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Loss loss_;
  mutable Mutex mutex_;
  uint64_t last_write_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t failing_call_ ABSL_GUARDED_BY(mutex_) = 0;
  Failure failure_ ABSL_GUARDED_BY(mutex_) = Failure::kError;
  bool is_frozen_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the files written since the last Thaw, by path. A file's handle keeps its sizes when it is
  // renamed.
  std::map<std::string, std::shared_ptr<Sizes>> files_ ABSL_GUARDED_BY(mutex_);
  Random random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace belfry
