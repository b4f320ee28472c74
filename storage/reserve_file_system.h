#pragma once

// ReserveFileSystem: between RocksDB and the machine's files. Table files that RocksDB rewrites
// (compaction) are given no room that the disk reserve holds for the log and for flushes: they get
// "no space" early, which RocksDB takes as a reason to put the compaction off, whereas a log that
// really finds no space ends the process. Before anything else is written to a full disk, the
// ballast is given up; and while the reserve is being used up, no file takes space ahead.

#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "rocksdb/file_system.h"
#include "rocksdb/listener.h"
#include "scheduler/base/mutex.h"
#include "storage/disk_reserve.h"

namespace belfry {

// Notes which table files are rewritten ones, as RocksDB tells of them before it makes them.
// Thread safety: all methods may be called from any thread.
class CompactionFiles final : public rocksdb::EventListener {
 public:
  void OnTableFileCreationStarted(const rocksdb::TableFileCreationBriefInfo& info) override;
  // Whether the file is one of them; forgets it.
  bool Take(const std::string& path);

 private:
  Mutex mutex_;
  std::set<std::string> paths_ ABSL_GUARDED_BY(mutex_);
};

// Thread safety: all methods may be called from any thread.
class ReserveFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  // `reserve` is borrowed, and that of the disk of `directory`, which is the store's: files
  // elsewhere, those of backups, have nothing to do with it.
  ReserveFileSystem(std::shared_ptr<rocksdb::FileSystem> below, const std::string& directory,
                    DiskReserve* reserve, std::shared_ptr<CompactionFiles> compaction_files);

  const char* Name() const override { return "ReserveFileSystem"; }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;

 private:
  const std::filesystem::path directory_;  // as Normal has it
  DiskReserve* const reserve_;
  const std::shared_ptr<CompactionFiles> compaction_files_;
};

}  // namespace belfry
