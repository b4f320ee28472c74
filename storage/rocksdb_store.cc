#include "storage/rocksdb_store.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/env.h"
#include "rocksdb/experimental.h"
#include "rocksdb/perf_level.h"
#include "rocksdb/utilities/checkpoint.h"
#include "rocksdb/write_batch.h"
#include "scheduler/base/status_macros.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"
#include "storage/backup_manifest.h"
#include "storage/damaged_tables.h"
#include "storage/rocksdb_options.h"
#include "storage/rocksdb_status.h"
#include "storage/store_diary.h"
#include "storage/wal_check.h"

namespace belfry {
namespace {

class RocksDbSnapshot : public Snapshot {
 public:
  explicit RocksDbSnapshot(rocksdb::DB* db) : db_(db), snapshot_(db->GetSnapshot()) {}
  ~RocksDbSnapshot() override { db_->ReleaseSnapshot(snapshot_); }
  RocksDbSnapshot(const RocksDbSnapshot&) = delete;
  RocksDbSnapshot& operator=(const RocksDbSnapshot&) = delete;

  const rocksdb::Snapshot* get() const { return snapshot_; }

 private:
  rocksdb::DB* const db_;
  const rocksdb::Snapshot* const snapshot_;
};

// Another environment with these files.
class ReserveEnv final : public rocksdb::EnvWrapper {
 public:
  // `below` is borrowed.
  ReserveEnv(rocksdb::Env* below, std::shared_ptr<rocksdb::FileSystem> files) : EnvWrapper(below) {
    file_system_ = std::move(files);
    system_clock_ = below->GetSystemClock();
  }
  const char* Name() const override { return "ReserveEnv"; }
};

// Removes the table files in which every job is deleted. That takes no space, other than a
// compaction. Ids are never used again, so nothing can come into their ranges any more; and if an
// old record of a deleted job comes to light by it, no name leads there.
rocksdb::Status DropDeadFiles(rocksdb::DB* db, rocksdb::ColumnFamilyHandle* jobs) {
  rocksdb::ColumnFamilyMetaData tables;
  db->GetColumnFamilyMetaData(jobs, &tables);
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> rows(db->NewIterator(options, jobs));
  for (const rocksdb::LevelMetaData& level : tables.levels) {
    if (level.level == 0) continue;  // where the ranges of files overlap
    for (const rocksdb::SstFileMetaData& file : level.files) {
      const rocksdb::Slice begin = file.smallestkey;
      const rocksdb::Slice end = file.largestkey;
      rows->Seek(begin);
      if (!rows->status().ok()) return rows->status();
      if (file.being_compacted || (rows->Valid() && rows->key().compare(end) <= 0)) continue;
      const rocksdb::Status dropped = rocksdb::DeleteFilesInRange(db, jobs, &begin, &end);
      if (!dropped.ok()) return dropped;
    }
  }
  return rocksdb::Status::OK();
}

rocksdb::ReadOptions ReadAt(const Snapshot* snapshot) {
  rocksdb::ReadOptions options;
  if (snapshot != nullptr) options.snapshot = static_cast<const RocksDbSnapshot*>(snapshot)->get();
  return options;
}

// Calls of Reclaim that do something, from the last delete of a job on.
constexpr int kReclaimPasses = 5;

// RocksDB counts every comparison of keys, thread by thread, for whoever asks; nobody does, and the
// counting takes several percent of a write. The level belongs to the calling thread.
void CountNothing() { rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable); }

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

std::string_view ToView(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::vector<rocksdb::ColumnFamilyDescriptor> DescribeTables() {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (int i = 0; i < kTableCount; ++i) {
    const Table table = static_cast<Table>(i);
    descriptors.emplace_back(std::string(TableName(table)), MakeTableOptions(table, cache));
  }
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, MakeUnusedOptions());
  return descriptors;
}

// Whether a database that is there has a file with such an extension that holds anything.
bool HasFile(const std::string& path, std::string_view extension, bool or_empty = false) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    std::error_code ignored;
    const bool counts = or_empty || entry.file_size(ignored) > 0;
    if (entry.path().extension() == extension && counts) return true;
  }
  return false;
}

// Tables are made together when the database is: one that is missing later is a list that is
// damaged, which RocksDB reads as far as it can. It would make a new one and delete the files of
// the old.
absl::Status CheckTables(const std::string& path,
                         const std::vector<rocksdb::ColumnFamilyDescriptor>& descriptors) {
  std::vector<std::string> found;
  RETURN_IF_ERROR(FromRocksDb(rocksdb::DB::ListColumnFamilies({}, path, &found),
                              fmt::format("cannot read the store in \"{}\"", path)));
  for (const std::string& name : found) {
    const bool known = std::any_of(descriptors.begin(), descriptors.end(),
                                   [&](const auto& known_one) { return known_one.name == name; });
    if (known) continue;
    return absl::FailedPreconditionError(
        fmt::format("data directory \"{}\" holds a table \"{}\" that this version does not know; "
                    "it was written by a newer version or by another program",
                    path, name));
  }
  for (const rocksdb::ColumnFamilyDescriptor& wanted : descriptors) {
    if (std::find(found.begin(), found.end(), wanted.name) != found.end()) continue;
    // A power cut may have come while they were made.
    if (!HasFile(path, ".sst") && !HasFile(path, ".log")) break;
    return absl::DataLossError(
        fmt::format("the list of tables in \"{}\" (the file MANIFEST-... that CURRENT names) has "
                    "lost its end, there is no table \"{}\": restore the data directory from a "
                    "backup",
                    path, wanted.name));
  }
  return absl::OkStatus();
}

absl::Status CheckLogs(const std::string& path) {
  ASSIGN_OR_RETURN(const std::optional<TornEnd> torn, CheckWriteAheadLogs(path));
  if (torn.has_value()) {
    spdlog::warn("dropping the unfinished end of the log file={} offset={} bytes={}", torn->file,
                 torn->offset, torn->bytes);
    return CutTornEnd(*torn);
  }
  return absl::OkStatus();
}

// What RocksDB does without is told at least: nothing tells a power cut from a hand that removed
// it.
absl::Status WarnOfLosses(const std::string& path) {
  ASSIGN_OR_RETURN(const std::optional<TornEnd> manifest, CheckManifest(path));
  if (manifest.has_value()) {
    spdlog::warn(
        "dropping the unfinished end of the list of files, as a power cut leaves it; if there was "
        "none, restore the data directory from a backup file={} offset={} bytes={}",
        manifest->file, manifest->offset, manifest->bytes);
  }
  if (!HasFile(path, ".log", /*or_empty=*/true)) {
    spdlog::warn(
        "there is no log in \"{}\": unless this is a restored backup, one was removed, and with it "
        "the newest changes",
        path);
  }
  return absl::OkStatus();
}

absl::Status OpenStatus(const rocksdb::Status& opened, const std::string& path) {
  return NameDamagedTables(
      FromRocksDb(opened, fmt::format("cannot open the store in \"{}\"", path)), path);
}

constexpr absl::Duration kFlushPoll = absl::Microseconds(200);

// RocksDB takes it for a mistake, and aborts, if a log is used after a call on it has failed.
absl::Status FailedBefore() { return absl::UnavailableError("the store has failed before"); }

}  // namespace

absl::StatusOr<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(const Options& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<DataDirectory> directory, DataDirectory::Open(options.path));
  // RocksDB does not miss the last of its logs.
  if (absl::Status status = RetireBackupManifest(options.path); !status.ok()) {
    return absl::Status(
        status.code(),
        fmt::format(
            "{}; \"{}\" is a restored backup that is not whole: copy it once more, or remove "
            "{} from it to start with what is there",
            std::string(status.message()), options.path, kBackupManifest));
  }
  std::unique_ptr<RocksDbStore> store(new RocksDbStore(std::move(directory)));
  rocksdb::Env* env = options.env;
  if (options.reserve.has_value()) {
    RETURN_IF_ERROR(store->OpenReserve(*options.reserve, env));
    env = store->env_.get();
  }
  RETURN_IF_ERROR(store->OpenDatabase(env));
  if (options.collects_garbage) store->StartCollector();
  if (store->reserve_ != nullptr) store->reserve_->Start();
  return store;
}

absl::StatusOr<std::unique_ptr<RocksDbStore>> RocksDbStore::OpenReadOnly(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<DataDirectory> directory, DataDirectory::OpenForReading(path));
  std::unique_ptr<RocksDbStore> store(new RocksDbStore(std::move(directory)));
  RETURN_IF_ERROR(store->OpenDatabaseReadOnly());
  return store;
}

RocksDbStore::RocksDbStore(std::unique_ptr<DataDirectory> directory)
    : directory_(std::move(directory)), monitor_(std::make_shared<WritePressureMonitor>()) {}

absl::Status RocksDbStore::OpenReserve(DiskReserveOptions options, rocksdb::Env* env) {
  if (env == nullptr) env = rocksdb::Env::Default();
  options.reclaim = [this] { Reclaim(); };
  ASSIGN_OR_RETURN(reserve_, DiskReserve::Open(directory_->path(), std::move(options)));
  compaction_files_ = std::make_shared<CompactionFiles>();
  env_ = std::make_unique<ReserveEnv>(
      env, std::make_shared<ReserveFileSystem>(env->GetFileSystem(), directory_->path(),
                                               reserve_.get(), compaction_files_));
  return absl::OkStatus();
}

absl::Status RocksDbStore::OpenDatabase(rocksdb::Env* env) {
  const std::string& path = directory_->path();
  const bool is_new = !directory_->HasDatabase();
  const std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = DescribeTables();
  if (!is_new) {
    RETURN_IF_ERROR(CheckTables(path, descriptors));
    RETURN_IF_ERROR(CheckLogs(path));
    RETURN_IF_ERROR(WarnOfLosses(path));
  }
  rocksdb::DBOptions options =
      MakeDbOptions(monitor_, reserve_ == nullptr ? 0 : reserve_->total_bytes());
  if (compaction_files_ != nullptr) options.listeners.push_back(compaction_files_);
  if (env != nullptr) options.env = env;
  options.info_log = BeginDiary(path);
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status opened = rocksdb::DB::Open(options, path, descriptors, &handles, &db);
  RETURN_IF_ERROR(OpenStatus(opened, path));
  db_.reset(db);
  unused_handle_ = handles.back();
  handles.pop_back();
  handles_ = std::move(handles);
  monitor_->Start(db, &handles_);
  return is_new ? directory_->Sync() : absl::OkStatus();
}

void RocksDbStore::StartCollector() {
  std::vector<rocksdb::ColumnFamilyHandle*> tables;
  for (const Table table : {Table::kJobs, Table::kNames, Table::kDue, Table::kCounters}) {
    tables.push_back(handle(table));
  }
  collector_ = std::make_unique<GarbageCollector>(db_.get(), handle(Table::kJobs),
                                                  std::move(tables), reserve_.get());
}

absl::Status RocksDbStore::OpenDatabaseReadOnly() {
  const std::string& path = directory_->path();
  const std::vector<rocksdb::ColumnFamilyDescriptor> descriptors = DescribeTables();
  RETURN_IF_ERROR(CheckTables(path, descriptors));
  RETURN_IF_ERROR(CheckWriteAheadLogs(path).status());
  rocksdb::DBOptions options = MakeDbOptions(nullptr, /*disk_bytes=*/0);
  options.create_if_missing = false;
  options.info_log = NoDiary();
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status opened =
      rocksdb::DB::OpenForReadOnly(options, path, descriptors, &handles, &db);
  RETURN_IF_ERROR(OpenStatus(opened, path));
  db_.reset(db);
  read_only_ = true;
  unused_handle_ = handles.back();
  handles.pop_back();
  handles_ = std::move(handles);
  return absl::OkStatus();
}

absl::Status RocksDbStore::Checkpoint(const std::string& path) const {
  rocksdb::Checkpoint* made = nullptr;
  const std::string context = fmt::format("cannot copy the store to \"{}\"", path);
  RETURN_IF_ERROR(FromRocksDb(rocksdb::Checkpoint::Create(db_.get(), &made), context));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  // Never flushes first: that would hold up writes, and the logs are copied anyway.
  const rocksdb::Status copied = checkpoint->CreateCheckpoint(path, UINT64_MAX);
  // Nothing of the store's own has failed.
  if (copied.IsNoSpace()) {
    return absl::ResourceExhaustedError(fmt::format("{}: {}", context, copied.ToString()));
  }
  return FromRocksDb(copied, context);
}

RocksDbStore::~RocksDbStore() {
  // Their threads use the database.
  if (reserve_ != nullptr) reserve_->Stop();
  collector_.reset();
  if (db_ == nullptr) return;
  const rocksdb::Status flushed =
      read_only_ || has_failed() ? rocksdb::Status::OK() : db_->FlushWAL(/*sync=*/false);
  if (!flushed.ok()) spdlog::error("closing the store failed error=\"{}\"", flushed.ToString());
  // The monitor uses the handles from background threads.
  rocksdb::CancelAllBackgroundWork(db_.get(), /*wait=*/true);
  for (rocksdb::ColumnFamilyHandle* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  db_->DestroyColumnFamilyHandle(unused_handle_);
  const rocksdb::Status closed = db_->Close();
  if (!closed.ok()) spdlog::error("closing the store failed error=\"{}\"", closed.ToString());
}

void RocksDbStore::Reclaim() {
  if (has_deleted_jobs_.exchange(false)) reclaim_passes_ = kReclaimPasses;
  if (reclaim_passes_ == 0) return;
  --reclaim_passes_;
  rocksdb::ColumnFamilyHandle* const jobs = handle(Table::kJobs);
  rocksdb::Status status = DropDeadFiles(db_.get(), jobs);
  // The rest takes rewriting, which is best done when the deletes have come to an end.
  if (status.ok() && reclaim_passes_ == kReclaimPasses - 2) {
    rocksdb::FlushOptions options;
    options.wait = false;
    options.allow_write_stall = true;
    status = db_->Flush(options, jobs);
  } else if (status.ok() && reclaim_passes_ < kReclaimPasses - 2) {
    status = rocksdb::experimental::SuggestCompactRange(db_.get(), jobs, nullptr, nullptr);
  }
  // It only means that nothing is given back this time.
  if (!status.ok()) spdlog::warn("space is not given back error=\"{}\"", status.ToString());
}

rocksdb::ColumnFamilyHandle* RocksDbStore::handle(Table table) const {
  return handles_[static_cast<size_t>(table)];
}

absl::Status RocksDbStore::Write(const Batch& batch) {
  if (has_failed()) return FailedBefore();
  CountNothing();
  rocksdb::WriteBatch changes(batch.byte_size());
  uint64_t deleted_jobs = 0;
  for (const Batch::Op& op : batch.ops()) {
    const rocksdb::Status added = op.is_delete ? changes.Delete(handle(op.table), op.key)
                                               : changes.Put(handle(op.table), op.key, op.value);
    RETURN_IF_ERROR(FromRocksDb(added, "cannot add to a batch"));
    if (op.is_delete && op.table == Table::kJobs) ++deleted_jobs;
  }
  rocksdb::WriteOptions options;
  options.no_slowdown = true;
  const rocksdb::Status written = db_->Write(options, &changes);
  monitor_->NoteWrite(written.IsIncomplete());
  if (reserve_ != nullptr && written.ok()) {
    reserve_->NoteWritten(batch.byte_size());
    if (deleted_jobs > 0) has_deleted_jobs_ = true;
  }
  if (collector_ != nullptr && written.ok()) collector_->NoteDeleted(deleted_jobs);
  if (!written.ok() && !written.IsIncomplete()) has_failed_ = true;
  return FromRocksDb(written, "write failed");
}

bool RocksDbStore::has_failed() const { return has_failed_ || monitor_->has_failed(); }

bool RocksDbStore::IsFlushing() const {
  using Properties = rocksdb::DB::Properties;
  return std::any_of(handles_.begin(), handles_.end(), [this](auto* table) {
    uint64_t pending = 0;
    uint64_t running = 0;
    db_->GetIntProperty(table, Properties::kMemTableFlushPending, &pending);
    db_->GetIntProperty(table, Properties::kNumRunningFlushes, &running);
    return pending + running > 0;
  });
}

absl::Status RocksDbStore::WaitForFlushes(absl::Duration limit) const {
  for (int i = 0; !has_failed() && IsFlushing(); ++i) {
    if (i * kFlushPoll > limit) {
      return absl::DeadlineExceededError("flushing has not come to an end");
    }
    std::this_thread::sleep_for(absl::ToChronoMicroseconds(kFlushPoll));
  }
  return absl::OkStatus();
}

absl::Status RocksDbStore::Sync() {
  if (has_failed()) return FailedBefore();
  const rocksdb::Status synced = db_->SyncWAL();
  if (!synced.ok()) has_failed_ = true;
  return FromRocksDb(synced, "sync failed");
}

absl::StatusOr<std::optional<std::string>> RocksDbStore::Get(Table table, std::string_view key,
                                                             const Snapshot* snapshot) const {
  CountNothing();
  std::string value;
  const rocksdb::Status status = db_->Get(ReadAt(snapshot), handle(table), ToSlice(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  RETURN_IF_ERROR(FromRocksDb(status, fmt::format("read of table {} failed", TableName(table))));
  return std::optional<std::string>(std::move(value));
}

absl::Status RocksDbStore::Scan(const KeyRange& range, const Visitor& visitor,
                                const Snapshot* snapshot) const {
  CountNothing();
  rocksdb::ReadOptions options = ReadAt(snapshot);
  const rocksdb::Slice end = range.end;
  // The bound lets RocksDB stop at once, and not wade through deletions behind the range.
  if (!range.end.empty()) options.iterate_upper_bound = &end;
  const std::unique_ptr<rocksdb::Iterator> rows(db_->NewIterator(options, handle(range.table)));
  for (rows->Seek(range.begin); rows->Valid(); rows->Next()) {
    if (!visitor(ToView(rows->key()), ToView(rows->value()))) break;
  }
  return FromRocksDb(rows->status(),
                     fmt::format("scan of table {} failed", TableName(range.table)));
}

std::unique_ptr<Snapshot> RocksDbStore::TakeSnapshot() const {
  return std::make_unique<RocksDbSnapshot>(db_.get());
}

}  // namespace belfry
