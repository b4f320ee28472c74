#include "storage/backup_manifest.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "rocksdb/file_checksum.h"
#include "scheduler/base/status_macros.h"
#include "spdlog/fmt/fmt.h"
#include "storage/data_directory.h"

namespace belfry {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFirstLine = "belfry backup 1\n";
constexpr std::string_view kLastLineBegin = "end ";
constexpr size_t kReadBytes = size_t{1} << 20;
// Far more than any backup needs: a thousand files have some 50 KB.
constexpr uint64_t kMaxManifestBytes = uint64_t{64} << 20;
constexpr size_t kCrcDigits = 8;

struct FileState {
  uint32_t crc = 0;
  uint64_t bytes = 0;

  friend bool operator==(const FileState&, const FileState&) = default;
};
using Files = std::map<std::string, FileState>;

absl::Status PathError(int error, const std::string& what, const fs::path& path) {
  return absl::ErrnoToStatus(error, fmt::format("cannot {} \"{}\"", what, path.string()));
}

// CRC-32C of what is added.
class Crc {
 public:
  Crc() : generator_(Factory().CreateFileChecksumGenerator({})) {}

  void Add(std::string_view bytes) { generator_->Update(bytes.data(), bytes.size()); }
  uint32_t Finish() {
    generator_->Finalize();
    uint32_t crc = 0;
    // Four bytes, big-endian.
    for (const char byte : generator_->GetChecksum()) {
      crc = crc << 8 | static_cast<unsigned char>(byte);
    }
    return crc;
  }

 private:
  static rocksdb::FileChecksumGenFactory& Factory() {
    static const auto* const kFactory = new std::shared_ptr<rocksdb::FileChecksumGenFactory>(
        rocksdb::GetFileChecksumGenCrc32cFactory());
    return **kFactory;
  }

  const std::unique_ptr<rocksdb::FileChecksumGenerator> generator_;
};

uint32_t CrcOf(std::string_view bytes) {
  Crc crc;
  crc.Add(bytes);
  return crc.Finish();
}

// An open file that closes itself.
class File {
 public:
  File(const fs::path& path, int flags)
      : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC, S_IRUSR | S_IWUSR)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  absl::Status opened() const {
    return fd_ >= 0 ? absl::OkStatus() : PathError(errno, "open", path_);
  }
  // Bytes read; 0 at the end.
  absl::StatusOr<size_t> Read(std::string* buffer) const {
    const ssize_t got = ::read(fd_, buffer->data(), buffer->size());
    if (got < 0) return PathError(errno, "read", path_);
    return static_cast<size_t>(got);
  }
  absl::Status Write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t put = ::write(fd_, bytes.data(), bytes.size());
      if (put < 0) return PathError(errno, "write", path_);
      bytes.remove_prefix(static_cast<size_t>(put));
    }
    return absl::OkStatus();
  }
  absl::Status Sync() const {
    return ::fsync(fd_) == 0 ? absl::OkStatus() : PathError(errno, "sync", path_);
  }

 private:
  const fs::path path_;
  const int fd_;
};

enum class Syncing { kYes, kNo };

absl::StatusOr<FileState> ReadState(const fs::path& path, Syncing syncing,
                                    const std::function<bool()>& is_cancelled) {
  const File file(path, O_RDONLY);
  RETURN_IF_ERROR(file.opened());
  FileState state;
  Crc crc;
  std::string buffer(kReadBytes, '\0');
  for (;;) {
    if (is_cancelled()) return absl::CancelledError("the backup was given up");
    ASSIGN_OR_RETURN(const size_t bytes, file.Read(&buffer));
    if (bytes == 0) break;
    crc.Add(std::string_view(buffer).substr(0, bytes));
    state.bytes += bytes;
  }
  if (syncing == Syncing::kYes) RETURN_IF_ERROR(file.Sync());
  state.crc = crc.Finish();
  return state;
}

BackupFiles Sum(const Files& files) {
  BackupFiles sum;
  for (const auto& [name, state] : files) {
    ++sum.files;
    sum.bytes += state.bytes;
  }
  return sum;
}

std::string Format(const Files& files) {
  std::string text(kFirstLine);
  for (const auto& [name, state] : files) {
    text += fmt::format("{:08x} {} {}\n", state.crc, state.bytes, name);
  }
  return text + fmt::format("{}{:08x}\n", kLastLineBegin, CrcOf(text));
}

template <typename Number>
bool Parse(std::string_view text, int base, Number* number) {
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, *number, base);
  return error == std::errc() && parsed == end && !text.empty();
}

bool ParseLine(std::string_view line, Files* files) {
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (first != kCrcDigits || second == std::string_view::npos) return false;
  FileState state;
  if (!Parse(line.substr(0, first), 16, &state.crc) ||
      !Parse(line.substr(first + 1, second - first - 1), 10, &state.bytes)) {
    return false;
  }
  return files->emplace(line.substr(second + 1), state).second;
}

// What Format wrote; nullopt if anything in it has changed.
std::optional<Files> ParseManifest(std::string_view text) {
  const size_t last_line = kLastLineBegin.size() + kCrcDigits + 1;
  if (text.size() < kFirstLine.size() + last_line || !text.starts_with(kFirstLine)) {
    return std::nullopt;
  }
  const std::string_view covered = text.substr(0, text.size() - last_line);
  if (text.substr(covered.size()) != fmt::format("{}{:08x}\n", kLastLineBegin, CrcOf(covered))) {
    return std::nullopt;
  }
  Files files;
  std::string_view rest = covered.substr(kFirstLine.size());
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos || !ParseLine(rest.substr(0, end), &files)) {
      return std::nullopt;
    }
    rest.remove_prefix(end + 1);
  }
  return files;
}

absl::StatusOr<std::string> ReadManifest(const fs::path& path) {
  const File file(path, O_RDONLY);
  RETURN_IF_ERROR(file.opened());
  std::string text;
  std::string buffer(kReadBytes, '\0');
  for (;;) {
    ASSIGN_OR_RETURN(const size_t bytes, file.Read(&buffer));
    if (bytes == 0) return text;
    text.append(buffer, 0, bytes);
    if (text.size() > kMaxManifestBytes) {
      return absl::DataLossError(fmt::format("\"{}\" is damaged: it is too large", path.string()));
    }
  }
}

// What the manifest of a directory tells of; nullopt if there is none.
absl::StatusOr<std::optional<Files>> ReadFiles(const std::string& directory) {
  const fs::path path = fs::path(directory) / kBackupManifest;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return std::nullopt;
  ASSIGN_OR_RETURN(const std::string text, ReadManifest(path));
  std::optional<Files> files = ParseManifest(text);
  if (files.has_value()) return files;
  return absl::DataLossError(fmt::format("\"{}\" is damaged", path.string()));
}

absl::Status CheckIsThere(const fs::path& file) {
  std::error_code ignored;
  if (fs::exists(file, ignored)) return absl::OkStatus();
  return absl::DataLossError(fmt::format("\"{}\" is missing", file.string()));
}

}  // namespace

absl::StatusOr<BackupFiles> WriteBackupManifest(const std::string& directory,
                                                const std::function<bool()>& is_cancelled) {
  Files files;
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!entry->is_regular_file() || entry->path().filename() == kBackupManifest) continue;
    ASSIGN_OR_RETURN(files[entry->path().filename()],
                     ReadState(entry->path(), Syncing::kYes, is_cancelled));
  }
  if (error) return PathError(error.value(), "read directory", directory);
  const File manifest(fs::path(directory) / kBackupManifest, O_WRONLY | O_CREAT | O_TRUNC);
  RETURN_IF_ERROR(manifest.opened());
  RETURN_IF_ERROR(manifest.Write(Format(files)));
  RETURN_IF_ERROR(manifest.Sync());
  RETURN_IF_ERROR(SyncDirectory(directory));
  return Sum(files);
}

absl::StatusOr<std::optional<BackupFiles>> CheckBackupManifest(
    const std::string& directory, const std::function<bool()>& is_cancelled) {
  ASSIGN_OR_RETURN(const std::optional<Files> files, ReadFiles(directory));
  if (!files.has_value()) return std::nullopt;
  for (const auto& [name, state] : *files) {
    const fs::path file = fs::path(directory) / name;
    RETURN_IF_ERROR(CheckIsThere(file));
    ASSIGN_OR_RETURN(const FileState found, ReadState(file, Syncing::kNo, is_cancelled));
    if (found == state) continue;
    return absl::DataLossError(
        fmt::format("\"{}\" has changed since the backup was made: {} bytes with checksum {:08x}, "
                    "expected {} with {:08x}",
                    file.string(), found.bytes, found.crc, state.bytes, state.crc));
  }
  return Sum(*files);
}

absl::Status RetireBackupManifest(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::optional<Files> files, ReadFiles(directory));
  if (!files.has_value()) return absl::OkStatus();
  for (const auto& [name, state] : *files) {
    const fs::path file = fs::path(directory) / name;
    RETURN_IF_ERROR(CheckIsThere(file));
    std::error_code error;
    const uint64_t bytes = fs::file_size(file, error);
    if (error) return PathError(error.value(), "look at", file);
    if (bytes == state.bytes) continue;
    return absl::DataLossError(fmt::format("\"{}\" has {} bytes, and had {} in the backup",
                                           file.string(), bytes, state.bytes));
  }
  const fs::path path = fs::path(directory) / kBackupManifest;
  if (::unlink(path.c_str()) == 0) return absl::OkStatus();
  return PathError(errno, "remove", path);
}

}  // namespace belfry
