#include "storage/wal_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "rocksdb/db.h"
#include "rocksdb/file_checksum.h"
#include "scheduler/base/status_macros.h"
#include "spdlog/fmt/fmt.h"
#include "storage/store_diary.h"

namespace belfry {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBlockBytes = 32768;
constexpr size_t kHeaderBytes = 7;
// Offset of the type in the header; the checksum covers everything from here.
constexpr size_t kTypeOffset = 6;
constexpr size_t kLengthOffset = 4;
// Sequence number and count, at the start of a record's data.
constexpr size_t kBatchHeaderBytes = 12;
constexpr size_t kSequenceBytes = 8;
constexpr uint32_t kCrcMaskDelta = 0xa282ead8U;

enum class FragmentType : unsigned char { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

struct Fragment {
  FragmentType type;
  std::string_view data;
};

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

// CRC-32C in the form in which logs store it. RocksDB's fast implementation is not in its public
// headers, but a checksum of files is.
uint32_t MaskedCrc(std::string_view bytes) {
  static const auto* const kFactory = new std::shared_ptr<rocksdb::FileChecksumGenFactory>(
      rocksdb::GetFileChecksumGenCrc32cFactory());
  const auto generator = (*kFactory)->CreateFileChecksumGenerator({});
  generator->Update(bytes.data(), bytes.size());
  generator->Finalize();
  // Four bytes, big-endian.
  uint32_t crc = 0;
  for (const char byte : generator->GetChecksum())
    crc = crc << 8 | static_cast<unsigned char>(byte);
  return (crc >> 15 | crc << 17) + kCrcMaskDelta;
}

// The fragment that begins at the start of `bytes`, or nothing if there is no valid one.
std::optional<Fragment> ReadFragment(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const auto type = static_cast<unsigned char>(bytes[kTypeOffset]);
  if (type < static_cast<unsigned char>(FragmentType::kFull) ||
      type > static_cast<unsigned char>(FragmentType::kLast)) {
    return std::nullopt;
  }
  const size_t length = LittleEndian(bytes.substr(kLengthOffset, 2));
  if (kHeaderBytes + length > bytes.size()) return std::nullopt;
  const uint64_t stored = LittleEndian(bytes.substr(0, kLengthOffset));
  if (stored != MaskedCrc(bytes.substr(kTypeOffset, 1 + length))) return std::nullopt;
  return Fragment{static_cast<FragmentType>(type), bytes.substr(kHeaderBytes, length)};
}

// Whether `rest`, with which a log ends, begins like a fragment that is longer than that.
bool IsCutShort(std::string_view rest) {
  if (rest.size() < kHeaderBytes) return true;
  const auto type = static_cast<unsigned char>(rest[kTypeOffset]);
  return type >= static_cast<unsigned char>(FragmentType::kFull) &&
         type <= static_cast<unsigned char>(FragmentType::kLast) &&
         kHeaderBytes + LittleEndian(rest.substr(kLengthOffset, 2)) > rest.size();
}

// Whether the fragment at the start of `bytes` is whole with `length` bytes of data, whatever
// length it says: the checksum does not cover that.
bool IsWholeWith(size_t length, std::string_view bytes) {
  return LittleEndian(bytes.substr(0, kLengthOffset)) ==
         MaskedCrc(bytes.substr(kTypeOffset, 1 + length));
}

bool IsZero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

// What one log was found to hold.
struct LogContents {
  uint64_t size = 0;
  // Sequence number of the first whole record, and the one that must follow the last whole record
  // before any damage.
  std::optional<uint64_t> first_sequence;
  std::optional<uint64_t> next_sequence;
  // Start of the first record that cannot be read whole.
  std::optional<uint64_t> damage_offset;
  bool data_after_damage = false;
};

// What the records are: batches, or something that is not looked at.
enum class LogContent { kBatches, kAny };

// Reads one log block by block.
class LogReader {
 public:
  explicit LogReader(LogContent content) : content_(content) {}

  void AddBlock(std::string_view block);
  LogContents Finish();

 private:
  void AddFragment(const Fragment& fragment, uint64_t offset);
  void AddRecord(uint64_t offset);
  void NoteDamage(uint64_t offset);
  // Position of the next valid fragment in a block with damage at `position`, or npos.
  static size_t FindFragment(std::string_view block, size_t position);

  const LogContent content_;
  LogContents contents_;
  // Whether something other than zeros lies in the damaged part.
  bool damage_is_data_ = false;
  // The record whose fragments are being read: where it began and its first bytes.
  std::optional<uint64_t> record_offset_;
  std::string record_head_;
};

size_t LogReader::FindFragment(std::string_view block, size_t position) {
  // Then what looks like fragments may be data of this one: a client can write such data, and must
  // not keep the scheduler from starting after a crash. It is another fragment only if it follows
  // this one, whose length is damaged.
  const bool may_be_data = block.size() < kBlockBytes && IsCutShort(block.substr(position));
  for (size_t i = position + 1; i + kHeaderBytes < block.size(); ++i) {
    const std::optional<Fragment> fragment = ReadFragment(block.substr(i));
    if (!fragment.has_value() || fragment->data.empty()) continue;
    if (!may_be_data) return i;
    if (i >= position + kHeaderBytes &&
        IsWholeWith(i - position - kHeaderBytes, block.substr(position))) {
      return i;
    }
  }
  return std::string_view::npos;
}

void LogReader::AddBlock(std::string_view block) {
  const uint64_t block_offset = contents_.size;
  contents_.size += block.size();
  size_t position = 0;
  while (position + kHeaderBytes <= block.size()) {
    const std::optional<Fragment> fragment = ReadFragment(block.substr(position));
    if (fragment.has_value()) {
      AddFragment(*fragment, block_offset + position);
      position += kHeaderBytes + fragment->data.size();
      continue;
    }
    const bool is_first = !contents_.damage_offset.has_value();
    NoteDamage(block_offset + position);
    if (!IsZero(block.substr(position))) damage_is_data_ = true;
    // A damaged length hides where the next record begins. Looking for it byte by byte is dear, so
    // it is done in the first damaged block only; in the others a record begins at the start.
    position = is_first ? FindFragment(block, position) : std::string_view::npos;
    if (position == std::string_view::npos) return;
  }
  // A full block may end in less than a header, which is padding; a file may not.
  if (block.size() < kBlockBytes && !IsZero(block.substr(position))) {
    NoteDamage(block_offset + position);
    damage_is_data_ = true;
  }
}

void LogReader::NoteDamage(uint64_t offset) {
  if (contents_.damage_offset.has_value()) return;
  // The damage makes the record unreadable from its first fragment on.
  if (record_offset_.has_value()) damage_is_data_ = true;
  contents_.damage_offset = record_offset_.value_or(offset);
  record_offset_.reset();
}

void LogReader::AddFragment(const Fragment& fragment, uint64_t offset) {
  const bool is_start =
      fragment.type == FragmentType::kFull || fragment.type == FragmentType::kFirst;
  if (is_start == record_offset_.has_value()) NoteDamage(offset);
  if (contents_.damage_offset.has_value()) {
    contents_.data_after_damage = true;
    return;
  }
  if (is_start) {
    record_offset_ = offset;
    record_head_.clear();
  }
  record_head_ += fragment.data.substr(0, kBatchHeaderBytes - record_head_.size());
  const bool is_end = fragment.type == FragmentType::kFull || fragment.type == FragmentType::kLast;
  if (!is_end) return;
  AddRecord(*record_offset_);
  record_offset_.reset();
}

void LogReader::AddRecord(uint64_t offset) {
  if (content_ == LogContent::kAny) return;
  if (record_head_.size() < kBatchHeaderBytes) {
    NoteDamage(offset);
    return;
  }
  const std::string_view head = record_head_;
  const uint64_t sequence = LittleEndian(head.substr(0, kSequenceBytes));
  const uint64_t count = LittleEndian(head.substr(kSequenceBytes));
  if (!contents_.first_sequence.has_value()) contents_.first_sequence = sequence;
  contents_.next_sequence = sequence + count;
}

LogContents LogReader::Finish() {
  if (record_offset_.has_value()) NoteDamage(*record_offset_);
  const bool is_reserved_space = !damage_is_data_ && !contents_.data_after_damage;
  if (is_reserved_space) contents_.damage_offset.reset();
  return contents_;
}

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

absl::StatusOr<LogContents> ReadLog(const fs::path& path, LogContent content) {
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, fmt::format("cannot open log \"{}\"", path.string()));
  }
  LogReader reader(content);
  std::string block(kBlockBytes, '\0');
  for (;;) {
    const size_t size = std::fread(block.data(), 1, block.size(), file.get());
    if (std::ferror(file.get()) != 0) {
      return absl::ErrnoToStatus(errno, fmt::format("cannot read log \"{}\"", path.string()));
    }
    if (size > 0) reader.AddBlock(std::string_view(block).substr(0, size));
    if (size < block.size()) return reader.Finish();
  }
}

// The number in the name of a log, like "000123.log", or nothing for another file.
std::optional<uint64_t> LogNumber(const fs::path& path) {
  if (path.extension() != ".log") return std::nullopt;
  const std::string digits = path.stem();
  uint64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [parsed, error] = std::from_chars(digits.data(), end, number);
  if (digits.empty() || error != std::errc() || parsed != end) return std::nullopt;
  return number;
}

absl::StatusOr<std::vector<fs::path>> ListLogs(const std::string& directory) {
  std::vector<std::pair<uint64_t, fs::path>> logs;
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (const auto number = LogNumber(entry->path())) logs.emplace_back(*number, entry->path());
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(), fmt::format("cannot read \"{}\"", directory));
  }
  std::sort(logs.begin(), logs.end());
  std::vector<fs::path> paths;
  for (auto& [number, path] : logs) paths.push_back(std::move(path));
  return paths;
}

absl::Status DamageError(const TornEnd& damage) {
  return absl::DataLossError(fmt::format(
      "log \"{}\" is damaged at byte {} and records follow: opening it would drop changes that "
      "were reported as durable; restore the directory from a backup, or, to give up every change "
      "from there on, truncate that file to {} bytes and remove the logs with higher numbers",
      damage.file, damage.offset, damage.offset));
}

absl::Status GapError(const fs::path& before, const fs::path& after) {
  return absl::DataLossError(fmt::format(
      "changes are missing between the logs \"{}\" and \"{}\": one was cut off, emptied or "
      "removed; put it back or restore the directory from a backup, or, to give up every change "
      "from there on, remove the logs with higher numbers than {}",
      before.string(), after.string(), before.stem().string()));
}

// The lowest number of the logs that recovery reads, or nothing if the database does not tell.
// Dear: asked only if something is wrong.
std::optional<uint64_t> FirstLiveLog(const std::string& directory) {
  rocksdb::Options options;
  options.info_log = NoDiary();
  // Any other mode may fail for the very damage that is being looked at.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options, directory, &opened);
  const std::unique_ptr<rocksdb::DB> db(opened);
  uint64_t number = 0;
  if (!status.ok() || !db->GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &number)) {
    return std::nullopt;
  }
  return number;
}

// Judges logs one after the other by what is between them.
class LogChain {
 public:
  explicit LogChain(std::string directory) : directory_(std::move(directory)) {}

  // The next log; DataLoss if that shows that durable changes are missing.
  absl::Status Add(const fs::path& log, const LogContents& contents);
  // The unfinished end of the newest changes, if there is one.
  std::optional<TornEnd> torn_end() const { return damage_; }

 private:
  absl::Status CheckStart(const fs::path& log, uint64_t first_sequence);
  // Whether recovery passes over the log with that name, as all it holds is in tables.
  bool IsConsumed(const fs::path& log) const;

  const std::string directory_;
  std::optional<TornEnd> damage_;
  std::optional<uint64_t> next_sequence_;
  // The newest log with changes.
  std::optional<fs::path> full_;
};

bool LogChain::IsConsumed(const fs::path& log) const {
  const std::optional<uint64_t> first = FirstLiveLog(directory_);
  return first.has_value() && LogNumber(log).value_or(0) < *first;
}

absl::Status LogChain::CheckStart(const fs::path& log, uint64_t first_sequence) {
  const bool goes_on = next_sequence_.has_value() && first_sequence <= *next_sequence_;
  if (damage_.has_value() && !goes_on && !IsConsumed(damage_->file)) return DamageError(*damage_);
  damage_.reset();
  if (full_.has_value() && !goes_on && !IsConsumed(*full_)) return GapError(*full_, log);
  return absl::OkStatus();
}

absl::Status LogChain::Add(const fs::path& log, const LogContents& contents) {
  if (contents.first_sequence.has_value()) {
    RETURN_IF_ERROR(CheckStart(log, *contents.first_sequence));
    next_sequence_ = contents.next_sequence;
    full_ = log;
  } else if (contents.data_after_damage && damage_.has_value() && !IsConsumed(damage_->file)) {
    return DamageError(*damage_);
  }
  if (!contents.damage_offset.has_value()) return absl::OkStatus();
  const TornEnd torn{log.string(), *contents.damage_offset,
                     contents.size - *contents.damage_offset};
  if (contents.data_after_damage && !IsConsumed(log)) return DamageError(torn);
  if (!damage_.has_value()) damage_ = torn;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<TornEnd>> CheckWriteAheadLogs(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::vector<fs::path> logs, ListLogs(directory));
  LogChain chain(directory);
  for (const fs::path& log : logs) {
    ASSIGN_OR_RETURN(const LogContents contents, ReadLog(log, LogContent::kBatches));
    RETURN_IF_ERROR(chain.Add(log, contents));
  }
  return chain.torn_end();
}

absl::StatusOr<std::optional<TornEnd>> CheckManifest(const std::string& directory) {
  std::ifstream current(fs::path(directory) / "CURRENT");
  std::string name;
  std::getline(current, name);
  const fs::path manifest = fs::path(directory) / name;
  ASSIGN_OR_RETURN(const LogContents contents, ReadLog(manifest, LogContent::kAny));
  if (!contents.damage_offset.has_value()) return std::nullopt;
  return TornEnd{manifest.string(), *contents.damage_offset,
                 contents.size - *contents.damage_offset};
}

absl::Status CutTornEnd(const TornEnd& torn) {
  const int file = ::open(torn.file.c_str(), O_WRONLY | O_CLOEXEC);
  const bool cut =
      file >= 0 && ::ftruncate(file, static_cast<off_t>(torn.offset)) == 0 && ::fsync(file) == 0;
  const int error = errno;
  if (file >= 0) ::close(file);
  if (cut) return absl::OkStatus();
  return absl::ErrnoToStatus(error, fmt::format("cannot cut log \"{}\"", torn.file));
}

}  // namespace belfry
