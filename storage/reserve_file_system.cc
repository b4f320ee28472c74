#include "storage/reserve_file_system.h"

#include <utility>

#include "spdlog/spdlog.h"

namespace belfry {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

IOStatus NoRoom() { return IOStatus::NoSpace("the disk reserve leaves no room to compact"); }

// A table file that a compaction writes.
class CompactionFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  // `reserve` is borrowed.
  CompactionFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, const DiskReserve* reserve)
      : FSWritableFileOwnerWrapper(std::move(file)), reserve_(reserve) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    if (!reserve_->HasRoomToCompact(data.size())) return NoRoom();
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* debug) override {
    if (!reserve_->HasRoomToCompact(data.size())) return NoRoom();
    return FSWritableFileOwnerWrapper::Append(data, options, info, debug);
  }
  // Space is not taken ahead, where nobody would ask whether there is room.
  void PrepareWrite(size_t, size_t, const IOOptions&, IODebugContext*) override {}

 private:
  const DiskReserve* const reserve_;
};

// Any other file: the log, what is flushed, what leads to them.
class VitalFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  // `reserve` is borrowed.
  VitalFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, DiskReserve* reserve)
      : FSWritableFileOwnerWrapper(std::move(file)), reserve_(reserve) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    TakeSpace(data.size(), options, debug);
    return Told(FSWritableFileOwnerWrapper::Append(data, options, debug));
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* debug) override {
    TakeSpace(data.size(), options, debug);
    return Told(FSWritableFileOwnerWrapper::Append(data, options, info, debug));
  }
  // Only saves time.
  void PrepareWrite(size_t offset, size_t bytes, const IOOptions& options,
                    IODebugContext* debug) override {
    if (reserve_->is_short()) return;
    FSWritableFileOwnerWrapper::PrepareWrite(offset, bytes, options, debug);
  }

 private:
  // Between a measurement and a write others may fill the disk, and a write that has failed half
  // way cannot be tried again. So the space is taken first, while there is a ballast to give up.
  // File systems that cannot take space ahead find out when they write.
  void TakeSpace(size_t bytes, const IOOptions& options, IODebugContext* debug) {
    if (reserve_->MakeRoomToWrite(bytes) &&
        Allocate(size_, bytes, options, debug).subcode() == IOStatus::SubCode::kNoSpace) {
      reserve_->GiveUpBallast();
    }
    size_ += bytes;
  }

  // Said here, as RocksDB is about to fail, and some builds of it abort.
  static IOStatus Told(IOStatus status) {
    if (status.ok()) return status;
    spdlog::critical("the store cannot write error=\"{}\"", status.ToString());
    spdlog::default_logger()->flush();
    return status;
  }

  DiskReserve* const reserve_;
  uint64_t size_ = 0;
};

}  // namespace

void CompactionFiles::OnTableFileCreationStarted(const rocksdb::TableFileCreationBriefInfo& info) {
  if (info.reason != rocksdb::TableFileCreationReason::kCompaction) return;
  MutexLock lock(&mutex_);
  paths_.insert(info.file_path);
}

bool CompactionFiles::Take(const std::string& path) {
  MutexLock lock(&mutex_);
  return paths_.erase(path) > 0;
}

namespace {

// RocksDB writes paths with and without slashes that do not matter.
std::filesystem::path Normal(const std::string& path) {
  const std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

}  // namespace

ReserveFileSystem::ReserveFileSystem(std::shared_ptr<rocksdb::FileSystem> below,
                                     const std::string& directory, DiskReserve* reserve,
                                     std::shared_ptr<CompactionFiles> compaction_files)
    : FileSystemWrapper(std::move(below)),
      directory_(Normal(directory)),
      reserve_(reserve),
      compaction_files_(std::move(compaction_files)) {}

IOStatus ReserveFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                            std::unique_ptr<rocksdb::FSWritableFile>* file,
                                            IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSWritableFile> below;
  const IOStatus opened = FileSystemWrapper::NewWritableFile(path, options, &below, debug);
  if (!opened.ok()) return opened;
  if (Normal(path).parent_path() != directory_) {
    *file = std::move(below);
  } else if (compaction_files_->Take(path)) {
    *file = std::make_unique<CompactionFile>(std::move(below), reserve_);
  } else {
    *file = std::make_unique<VitalFile>(std::move(below), reserve_);
  }
  return opened;
}

}  // namespace belfry
