#include "tests/support/power_loss_file_system.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "scheduler/base/check.h"

namespace belfry {
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
    const IOStatus begun = owner_->Begin();
    if (!begun.ok()) return begun;
    sizes_->written = size;
    sizes_->synced = std::min(sizes_->synced, size);
    sizes_->unsynced.clear();
    if (size > sizes_->synced) {
      sizes_->unsynced.push_back({++owner_->last_write_, size - sizes_->synced});
    }
    return FSWritableFileOwnerWrapper::Truncate(size, options, debug);
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    MutexLock lock(&owner_->mutex_);
    const IOStatus begun = owner_->Begin();
    if (!begun.ok()) return begun;
    sizes_->synced = sizes_->written;
    sizes_->was_synced = true;
    sizes_->unsynced.clear();
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
    const IOStatus begun = owner_->Begin();
    if (!begun.ok()) return begun;
    const IOStatus written = write();
    if (!written.ok()) return written;
    sizes_->written += bytes;
    sizes_->unsynced.push_back({++owner_->last_write_, bytes});
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
  const Write torn = loss_ == Loss::kAll ? Write{} : DrawTornWrite(files);
  for (const auto& [path, sizes] : files) {
    std::error_code error;
    const std::optional<uint64_t> kept =
        loss_ == Loss::kAll ? KeptOfUnordered(*sizes) : KeptBytes(*sizes, torn);
    if (kept.has_value()) {
      std::filesystem::resize_file(path, *kept, error);
    } else {
      std::filesystem::remove(path, error);
    }
    CHECK(!error) << path << ": " << error.message();
  }
}

std::optional<uint64_t> PowerLossFileSystem::KeptOfUnordered(const Sizes& sizes) {
  if (!sizes.was_synced && random_.OneIn(2)) return std::nullopt;
  const uint64_t torn = std::min(sizes.written - sizes.synced, kTornBytesMax);
  return sizes.synced + (sizes.was_synced ? random_.Next() % (torn + 1) : 0);
}

PowerLossFileSystem::Write PowerLossFileSystem::DrawTornWrite(
    const std::map<std::string, std::shared_ptr<Sizes>>& files) {
  std::vector<Write> writes;
  for (const auto& [path, sizes] : files) {
    writes.insert(writes.end(), sizes->unsynced.begin(), sizes->unsynced.end());
  }
  if (writes.empty()) return {};
  Write torn = random_.Pick(writes);
  torn.bytes = random_.Next() % (torn.bytes + 1);
  return torn;
}

std::optional<uint64_t> PowerLossFileSystem::KeptBytes(const Sizes& sizes, const Write& torn) {
  uint64_t kept = sizes.synced;
  for (const Write& write : sizes.unsynced) {
    if (write.number < torn.number) kept += write.bytes;
    if (write.number == torn.number) kept += torn.bytes;
  }
  if (kept == 0 && !sizes.was_synced && random_.OneIn(2)) return std::nullopt;
  return kept;
}

void PowerLossFileSystem::FailCall(uint64_t number, Failure failure) {
  MutexLock lock(&mutex_);
  calls_ = 0;
  failing_call_ = number;
  failure_ = failure;
}

uint64_t PowerLossFileSystem::call_count() const {
  MutexLock lock(&mutex_);
  return calls_;
}

IOStatus PowerLossFileSystem::Begin() {
  if (is_frozen_) return NoPower();
  if (++calls_ != failing_call_) return IOStatus::OK();
  if (failure_ == Failure::kError) return IOStatus::IOError("injected failure");
  is_frozen_ = true;
  return NoPower();
}

IOStatus PowerLossFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                                              IODebugContext* debug) {
  MutexLock lock(&mutex_);
  const IOStatus begun = Begin();
  if (!begun.ok()) return begun;
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
  const IOStatus begun = Begin();
  if (!begun.ok()) return begun;
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
  const IOStatus begun = Begin();
  if (!begun.ok()) return begun;
  files_.erase(path);
  return FileSystemWrapper::DeleteFile(path, options, debug);
}

}  // namespace belfry
