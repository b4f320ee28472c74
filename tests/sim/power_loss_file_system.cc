#include "tests/sim/power_loss_file_system.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "scheduler/base/check.h"

namespace belfry::sim {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// Fewer than the header of a log record has, so that no record is whole.
constexpr uint64_t kTornBytesMax = 6;

IOStatus NoPower() { return IOStatus::IOError("no power"); }

// A directory whose names are durable anyway.
class Directory final : public rocksdb::FSDirectory {
 public:
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
};

}  // namespace

class PowerLossFileSystem::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  // `owner` is borrowed.
  File(std::unique_ptr<rocksdb::FSWritableFile>&& file, PowerLossFileSystem* owner,
       std::shared_ptr<Sizes> sizes)
      : FSWritableFileOwnerWrapper(std::move(file)), owner_(owner), sizes_(std::move(sizes)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    return Count(data.size(),
                 [&] { return FSWritableFileOwnerWrapper::Append(data, options, debug); });
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& info, IODebugContext* debug) override {
    return Count(data.size(),
                 [&] { return FSWritableFileOwnerWrapper::Append(data, options, info, debug); });
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    MutexLock lock(&owner_->mutex_);
    if (owner_->is_frozen_) return NoPower();
    sizes_->written = size;
    sizes_->synced = std::min(sizes_->synced, size);
    return FSWritableFileOwnerWrapper::Truncate(size, options, debug);
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    MutexLock lock(&owner_->mutex_);
    if (owner_->is_frozen_) return NoPower();
    sizes_->synced = sizes_->written;
    sizes_->was_synced = true;
    return IOStatus::OK();
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }
  // A hint: it promises nothing.
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  template <typename Write>
  IOStatus Count(size_t bytes, const Write& write) {
    MutexLock lock(&owner_->mutex_);
    if (owner_->is_frozen_) return NoPower();
    const IOStatus written = write();
    if (written.ok()) sizes_->written += bytes;
    return written;
  }

  PowerLossFileSystem* const owner_;
  const std::shared_ptr<Sizes> sizes_;
};

void PowerLossFileSystem::Freeze() {
  MutexLock lock(&mutex_);
  is_frozen_ = true;
}

void PowerLossFileSystem::Thaw(bool power_lost) {
  MutexLock lock(&mutex_);
  is_frozen_ = false;
  const auto files = std::exchange(files_, {});
  if (!power_lost) return;
  for (const auto& [path, sizes] : files) {
    std::error_code error;
    if (!sizes->was_synced && random_.OneIn(2)) {
      std::filesystem::remove(path, error);
    } else {
      const uint64_t torn = std::min(sizes->written - sizes->synced, kTornBytesMax);
      const uint64_t kept = sizes->was_synced ? random_.Next() % (torn + 1) : 0;
      std::filesystem::resize_file(path, sizes->synced + kept, error);
    }
    CHECK(!error) << path << ": " << error.message();
  }
}

IOStatus PowerLossFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                                              IODebugContext* debug) {
  MutexLock lock(&mutex_);
  if (is_frozen_) return NoPower();
  std::unique_ptr<rocksdb::FSWritableFile> below;
  const IOStatus opened = FileSystemWrapper::NewWritableFile(path, options, &below, debug);
  if (!opened.ok()) return opened;
  auto sizes = std::make_shared<Sizes>();
  files_[path] = sizes;
  *file = std::make_unique<File>(std::move(below), this, std::move(sizes));
  return opened;
}

IOStatus PowerLossFileSystem::NewDirectory(const std::string&, const IOOptions&,
                                           std::unique_ptr<rocksdb::FSDirectory>* directory,
                                           IODebugContext*) {
  *directory = std::make_unique<Directory>();
  return IOStatus::OK();
}

IOStatus PowerLossFileSystem::RenameFile(const std::string& from, const std::string& to,
                                         const IOOptions& options, IODebugContext* debug) {
  MutexLock lock(&mutex_);
  if (is_frozen_) return NoPower();
  const IOStatus renamed = FileSystemWrapper::RenameFile(from, to, options, debug);
  if (!renamed.ok()) return renamed;
  files_.erase(to);
  auto node = files_.extract(from);
  if (node.empty()) return renamed;
  node.key() = to;
  files_.insert(std::move(node));
  return renamed;
}

IOStatus PowerLossFileSystem::DeleteFile(const std::string& path, const IOOptions& options,
                                         IODebugContext* debug) {
  MutexLock lock(&mutex_);
  if (is_frozen_) return NoPower();
  files_.erase(path);
  return FileSystemWrapper::DeleteFile(path, options, debug);
}

}  // namespace belfry::sim
