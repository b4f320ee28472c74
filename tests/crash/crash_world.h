#pragma once

// CrashWorld: a scheduler's core over a RocksDbStore on files that fail, driven by hand with work
// of every kind, and what is known of it. After each crash the store is compared with that.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "rocksdb/env.h"
#include "scheduler/loop/scheduler_loop.h"
#include "storage/rocksdb_store.h"
#include "tests/crash/store_consistency.h"
#include "tests/support/fake_clock.h"
#include "tests/support/hasty_env.h"
#include "tests/support/manual_scheduler.h"
#include "tests/support/power_loss_file_system.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace belfry {

// Thread safety: none.
class CrashWorld {
 public:
  explicit CrashWorld(uint64_t seed);
  ~CrashWorld();

  // Opens the store and works for that many rounds, unless something fails before.
  void Live(int rounds);
  // The process ends now, or the power fails. Everything is closed afterwards.
  void Crash(bool power_lost);
  // Opens the store on files that work, does what is left to do, and compares; then closes it in
  // good order. What is wrong is returned, in words; empty if nothing is.
  std::vector<std::string> Check();

  PowerLossFileSystem& files() { return *files_; }
  std::string data_dir() const { return directory_ / "data"; }
  // Answers that said OK.
  int acknowledged_count() const { return acknowledged_; }

 private:
  // What is known of one name. A job's revision is the beginning of its payload; 0 means no job.
  struct Name {
    // What may be there: one revision, or several after an answer that never came.
    std::set<int> revisions{0};
    // Ticks of revision `ticking` that were answered, and that an OK since then has made durable.
    int ticking = 0;
    uint64_t settled = 0;
    uint64_t durable = 0;
  };

  absl::Status Open();
  void Work();
  void Schedule(const std::string& name, const JobText& text);
  void Delete(const std::string& name);
  void DeletePrefix(const std::string& prefix);
  void AnswerTriggers();
  // What an OK to a request that is made now will say, beside the request itself.
  Reply WhenAcknowledged(std::function<void()> then);
  void RunUntilIdle();
  bool failed() const { return !fatal_.ok(); }
  void Compare(const StoredJob& job, const std::string& text, const Name& name,
               std::vector<std::string>* findings) const;

  Random random_;
  TempDir directory_;
  const std::shared_ptr<PowerLossFileSystem> files_;
  const std::unique_ptr<rocksdb::Env> patient_env_;
  HastyEnv env_;
  FakeClock clock_;
  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<SchedulerLoop> loop_;
  std::shared_ptr<RecordingWatcher> watcher_;
  size_t answered_ = 0;  // triggers of watcher_
  absl::Status fatal_;

  std::map<std::string, Name> names_;
  int last_revision_ = 0;
  int acknowledged_ = 0;
};

}  // namespace belfry
