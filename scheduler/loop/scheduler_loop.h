#pragma once

// SchedulerLoop: the one thread that owns every decision, with the syncer and the readers beside
// it. Servers submit events to it from any thread; each gets its answer once what the answer tells
// of is durable.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "belfry/storage/v1/records.pb.h"
#include "scheduler/base/clock.h"
#include "scheduler/base/limits.h"
#include "scheduler/engine/events.h"
#include "scheduler/engine/watcher.h"
#include "scheduler/job/job_key.h"
#include "scheduler/job/job_spec.h"
#include "scheduler/loop/encoded_list.h"
#include "scheduler/loop/firing.h"
#include "scheduler/store/store.h"

namespace belfry {

using GetReply = absl::AnyInvocable<void(absl::StatusOr<belfry::storage::v1::JobRecord>)>;
using ListReply = absl::AnyInvocable<void(absl::StatusOr<EncodedList>)>;

struct LoopOptions {
  // Longest time that a written change stays unsynced.
  absl::Duration max_unsynced = absl::Seconds(1);
  // Threads that load payloads of jobs about to be delivered.
  int payload_readers = 2;
  Limits limits = {};
  // Called once, on any thread, when a write or sync failed and the process must end.
  std::function<void(absl::Status)> on_fatal;
  // If set, told on the loop's thread that the wall clock was set, and by how much (negative:
  // back).
  std::function<void(absl::Duration)> on_clock_step = {};
  // If set, told on the loop's thread that jobs came due while nobody was connected to receive
  // them, and how many. Each is told of once while it waits, and again after a restart.
  std::function<void(TargetKind, size_t)> on_unreceived = {};
  // If set, told on the loop's thread that so many records could not be read and were set aside.
  std::function<void(size_t)> on_quarantine = {};
  // For simulations: if set, gets what hands a reader's result to the loop, to call it once when it
  // sees fit, or to destroy it before the loop. By default results are handed over at once.
  std::function<void(absl::AnyInvocable<void()> hand_over)> hold_result;
};

// Thread safety: all public methods may be called from any thread, except Start and Stop, which
// belong to the owner.
class SchedulerLoop {
 public:
  // Reads the store's format, groups and pending prefix deletes. FailedPrecondition if the format
  // is newer than this program; DataLoss if the tables contradict each other. `store` and `clock`
  // are borrowed and must outlive the loop.
  static absl::StatusOr<std::unique_ptr<SchedulerLoop>> Open(Store* store, Clock* clock,
                                                             LoopOptions options);
  ~SchedulerLoop();

  // Starts the threads. Stop answers what is pending with Unavailable, makes written changes
  // durable and joins the threads; it may be called more than once.
  void Start();
  absl::Status Stop();

  // Stores a job. `job` has its default failure policy filled in and `spec` is what ParseJob made
  // of it. AlreadyExists if the name is taken and `overwrite` is false; ResourceExhausted when a
  // limit is reached; Unavailable while stopping.
  void Schedule(JobKey key, dapr::proto::scheduler::v1::JobMetadata metadata,
                dapr::proto::scheduler::v1::Job job, JobSpec spec, bool overwrite, Reply reply);

  // Stores a job that was taken from a store, as `record` has it, to go on where it was. As
  // Schedule for everything else; nothing is resolved or filled in. REQUIRES: the record's parts
  // agree, see CheckRestoredJob.
  void Restore(belfry::storage::v1::JobRecord record, RestoredProgress progress, bool overwrite,
               Reply reply);

  // Makes everything durable that was written before the call, on the caller's thread; waits for
  // the disk. Unavailable if the store has failed.
  absl::Status SyncNow();

  // Deletes a job; OK if there is none.
  void Delete(JobKey key, Reply reply);

  // Deletes every job whose encoded key begins with `prefix` (see job_key.h).
  void DeletePrefix(std::string prefix, Reply reply);

  // Reads one job; NotFound if there is none.
  void Get(JobKey key, GetReply reply);

  // Reads the jobs whose encoded keys begin with `prefix`, in key order, on a reader thread.
  // ResourceExhausted if they are larger than `max_bytes` together.
  void List(std::string prefix, size_t max_bytes, ListReply reply);

  // Connects a watcher to the targets whose jobs it receives. Repeating a target gives it more
  // turns. `limits`, each at least 1, hold while a watcher is connected that declared them; see
  // concurrency_limits.h.
  WatcherId AddWatcher(std::shared_ptr<Watcher> watcher, std::vector<TargetKey> targets,
                       std::vector<ConcurrencyLimit> limits = {});

  // Ends a watcher: its unanswered triggers go to other watchers of the target, or wait for one.
  void RemoveWatcher(WatcherId id);

  // Settles a trigger (WatchJobsResponse.id). Unknown and repeated ids are logged and ignored.
  void Settle(WatcherId id, uint64_t trigger_id, Outcome outcome);

  // Tells that a watcher that had too many unsent bytes has room again.
  void WatcherDrained(WatcherId id);

  // Reads the state of all concurrency limits; `reply` is called on the loop's thread and must not
  // block, or never if the loop stops before.
  void ReadLimits(absl::AnyInvocable<void(std::vector<LimitState>)> reply);

  // One turn of the loop; returns how long the loop may sleep before the next. What the loop's
  // thread repeats; tests call it instead of Start. RunReaders and RunSyncer likewise do, on the
  // caller's thread, one piece of the work of the other threads, and tell whether there was any.
  // RunReader does so for one kind of reader.
  enum class Reader { kScanner, kLoader, kLister };
  absl::Duration RunOnce();
  bool RunReaders();
  bool RunReader(Reader reader);
  bool RunSyncer();

  // See Engine::CheckInvariants and Engine::resident_count. REQUIRES: not started.
  void CheckInvariants() const;
  size_t resident_count() const;

  // What health is derived from; any thread.
  Firing firing() const;

 private:
  class Impl;
  explicit SchedulerLoop(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace belfry
