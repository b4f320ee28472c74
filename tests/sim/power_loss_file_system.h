#pragma once

// PowerLossFileSystem: the machine's files, under RocksDB, with a power supply that can be cut.
//
// What a process writes reaches its file at once, so that a killed process loses nothing. Of each
// file it is remembered how much of it was synced; the rest is what a power cut takes away, down to
// a few bytes of an unfinished record at times. Files that were never synced go altogether or stay
// empty. Names are durable as soon as they are given: RocksDB syncs directories, and the order of
// names and data is what it relies on. Nothing is synced in earnest, which would only cost time.

#include <map>
#include <memory>
#include <string>

#include "rocksdb/file_system.h"
#include "scheduler/base/mutex.h"
#include "tests/sim/random.h"

namespace belfry::sim {

// Thread safety: all methods may be called from any thread; RocksDB's background threads do.
class PowerLossFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit PowerLossFileSystem(uint64_t seed)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), random_(seed) {}

  // From now on nothing can be written or removed.
  void Freeze();
  // Ends that. With `power_lost`, first takes away what was not synced when it began.
  void Thaw(bool power_lost);

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

  struct Sizes {
    uint64_t written = 0;
    uint64_t synced = 0;
    bool was_synced = false;
  };

  Mutex mutex_;
  bool is_frozen_ ABSL_GUARDED_BY(mutex_) = false;
  // Of the files written since the last Thaw, by path. A file's handle keeps its sizes when it is
  // renamed.
  std::map<std::string, std::shared_ptr<Sizes>> files_ ABSL_GUARDED_BY(mutex_);
  Random random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace belfry::sim
