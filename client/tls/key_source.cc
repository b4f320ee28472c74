#include "client/tls/key_source.h"

#include <sys/stat.h>

#include <string>
#include <utility>

namespace belfry::tls {
namespace {

// Files that change faster than they can be read are read again with the next connection.
constexpr int kMaxReadings = 3;

int64_t Nanoseconds(const timespec& time) {
  constexpr int64_t kPerSecond = 1'000'000'000;
  return int64_t{time.tv_sec} * kPerSecond + time.tv_nsec;
}

}  // namespace

KeySource::KeySource(KeyFiles files, Events events)
    : files_(std::move(files)), events_(std::move(events)) {}

KeySource::Stamp KeySource::StampOf(const std::string& path) {
  struct stat status {};
  if (path.empty() || stat(path.c_str(), &status) != 0) return {};
  return {true,
          status.st_dev,
          status.st_ino,
          status.st_size,
          Nanoseconds(status.st_mtim),
          Nanoseconds(status.st_ctim)};
}

KeySource::Stamps KeySource::StampFiles() const {
  return {StampOf(files_.cert_file), StampOf(files_.key_file), StampOf(files_.ca_file)};
}

absl::StatusOr<KeyMaterial> KeySource::ReadStable(Stamps* stamps) const {
  absl::StatusOr<KeyMaterial> material;
  Stamps after = *stamps;
  for (int i = 0; i < kMaxReadings; ++i) {
    *stamps = after;
    material = ReadKeyMaterial(files_);
    after = StampFiles();
    if (after == *stamps) break;
  }
  return material;
}

absl::StatusOr<std::shared_ptr<const KeyMaterial>> KeySource::Current() {
  std::lock_guard lock(mutex_);
  Stamps stamps = StampFiles();
  if (!looked_ || stamps != stamps_) {
    absl::StatusOr<KeyMaterial> material = ReadStable(&stamps);
    looked_ = true;
    stamps_ = stamps;
    last_error_ = material.status();
    if (!material.ok()) {
      if (events_.on_rejected) events_.on_rejected(material.status());
    } else if (current_ == nullptr || !(*material == *current_)) {
      current_ = std::make_shared<const KeyMaterial>(*std::move(material));
      if (events_.on_loaded) events_.on_loaded(*current_);
    }
  }
  if (current_ == nullptr) return last_error_;
  return current_;
}

}  // namespace belfry::tls
