#pragma once

// Engine: decides when a job fires and when it is forgotten. A state machine without threads,
// clocks or waiting: an event and the time go in, a batch to write and effects come out.
//
// Watchers receive the jobs of targets (an app, or an actor type, in a namespace). A target's jobs
// are divided into groups, by their concurrency keys; most have one group, of jobs without a key.
// Each group has its own stretch of the time index, with a window of it in memory.
//
// The life of a job. Every live job is in exactly one place (I1):
//   on disk only  -> queued     its group's window reaches its index entry
//   queued        -> loading    it is due, a watcher of its target has room, and its target and its
//                               group have a slot free (see below)
//   loading       -> ready      its record was read; unless it is gone or was moved meanwhile
//   ready         -> sent       the turn was written; the trigger is on its stream
//   sent          -> settled    answered: its next tick is written, or the job is deleted
//   sent          -> queued     its stream ended: another watcher gets it, or it waits on disk
// A job is settled in one batch: counter, old index entry, new index entry.
//
// Slots. A concurrency limit says how many triggers of a target, or of one of its groups, may be
// unanswered. A job takes a slot of both when its load is asked for, or of neither; both come back
// when its trigger is answered or its watcher goes, not before: the app may still be at work on a
// job that was deleted or overwritten meanwhile. Jobs that find no slot stay where they are, in the
// window or on disk; of the groups that have a slot the one whose job was due first comes first.
//
// Not thread-safe: belongs to the loop. Reads that the loop makes through it (names, counters) hit
// what the submitting thread has just read.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "scheduler/base/limits.h"
#include "scheduler/engine/answer_times.h"
#include "scheduler/engine/concurrency_limits.h"
#include "scheduler/engine/events.h"
#include "scheduler/engine/firing_watch.h"
#include "scheduler/engine/job_counts.h"
#include "scheduler/engine/offline_count.h"
#include "scheduler/engine/trigger_queue.h"
#include "scheduler/engine/watch_registry.h"
#include "scheduler/engine/window.h"
#include "scheduler/store/store.h"
#include "scheduler/store/turn_batch.h"

namespace belfry {

class Engine {
 public:
  // `store` is borrowed and must outlive the engine.
  explicit Engine(Store* store, const Limits& limits = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Reads format, ids, groups and pending prefix deletes. FailedPrecondition if the format is newer
  // than this program; DataLoss if the record of the format, or of the ids, does not parse. A group
  // that does not parse is set aside and rebuilt from its index entries, a prefix delete is set
  // aside. Afterwards the batch may hold changes, to be written by the first turn.
  // REQUIRES: called once, first.
  absl::Status Recover(absl::Time now);

  // Takes one event.
  void Step(Event event, absl::Time now);

  // Starts what is due. Called once per turn, after its events. `monotonic` is `now` on the
  // monotonic clock.
  void RunDue(absl::Time now, absl::Duration monotonic);

  // What must be written before Release.
  const Batch& batch() const { return batch_.batch(); }
  // Whether the batch holds what a reply will tell of: then it must be made durable for them.
  bool batch_is_foreground() const { return foreground_; }

  // Ends the turn: forgets the batch and returns its effects. REQUIRES: the batch was written.
  Effects Release(absl::Time now);

  // Whether Release will send triggers.
  bool HasReady() const { return !ready_.empty(); }
  // Whether another turn should follow at once.
  bool HasWork() const { return !touched_.empty() || !touched_targets_.empty(); }
  // When the next queued job is due that can be started; nullopt if there is none.
  std::optional<absl::Time> NextDue() const;

  // As of the last RunDue: since when, on the monotonic clock, jobs could have been fired and
  // nothing went on (see FiringWatch).
  std::optional<absl::Duration> StuckSince() const { return firing_.stuck_since(); }

  const PrefixDeletes& prefix_deletes() const { return prefix_deletes_; }

  // Checks what must hold between turns (see I1, I2 above and Window); CHECKs if it does not.
  // Costs time in proportion to what is in memory; for tests.
  void CheckInvariants() const;

  // Entries in memory, queued or in flight; for tests of what memory holds.
  size_t resident_count() const;

 private:
  struct Target;
  struct Group;
  struct InFlight;
  struct Tries {
    int count = 0;
    absl::Time not_before;
  };

  // Requests (engine_requests.cc).
  void On(ScheduleEvent& event, absl::Time now);
  void On(DeleteEvent& event, absl::Time now);
  void On(DeletePrefixEvent& event, absl::Time now);
  void On(PurgeEvent& event, absl::Time now);
  void On(NameFoundEvent& event, absl::Time now);
  absl::Status Schedule(ScheduleEvent& event);
  absl::Status Delete(const DeleteEvent& event);
  absl::Status DeletePrefix(const std::string& prefix);
  absl::Status Purge(const PurgeEvent& event);
  // The entry of a live job; nullopt if there is none. `stale` gets the entry of a job that a
  // prefix delete covers and whose records are still there.
  absl::StatusOr<std::optional<NameEntry>> FindLive(const std::string& job_key,
                                                    std::optional<NameEntry>* stale);
  // The only way in which names come and go.
  void PutName(const std::string& job_key, const NameEntry& entry, bool is_new);
  void DeleteName(const std::string& job_key);
  // Deletes a job's records, all but its name's, and forgets it in memory.
  absl::Status EraseJob(const std::string& job_key, const NameEntry& entry);
  // A job's counter; one that does not parse is set aside and counts as gone.
  absl::StatusOr<std::optional<Counter>> TakeCounter(uint64_t job_id);

  // Delivery (engine_delivery.cc).
  void On(AddWatcherEvent& event, absl::Time now);
  void On(RemoveWatcherEvent& event, absl::Time now);
  void On(SettleEvent& event, absl::Time now);
  void On(WatcherDrainedEvent& event, absl::Time now);
  void On(ScanResult& event, absl::Time now);
  void On(LoadEvent& event, absl::Time now);
  // Starts jobs of a target until one visit's share, `budget`, room or slots are used up.
  void StartDue(Target& target, absl::Time now, size_t* budget);
  // Takes the target's first due job, if it can be started; false if there is none.
  bool StartOne(Target& target, absl::Time now, size_t* budget);
  void Loaded(LoadedJob& job);
  void Quarantine(InFlight& in_flight, LoadedJob& job);
  // Keeps the bytes of a record that cannot be read, and tells of them; the caller deletes it.
  void SetAside(Table table, std::string_view key, std::string bytes, std::string_view reason);
  void ReleaseReady(uint64_t job_id, absl::Time now, Effects* effects);
  void FinishTick(InFlight& in_flight, absl::Time now);
  void RetryTick(InFlight& in_flight, absl::Time now);
  void MoveTo(InFlight& in_flight, const Counter& counter, absl::Time now);
  void Undelivered(InFlight& in_flight, absl::Time now);
  // Takes back triggers whose answers have taken too long.
  void TakeBackOverdue(absl::Time now);
  // A watcher may have room again: each of its targets may go on.
  void TouchTargetsOf(WatcherId id);
  // Ends an in-flight entry and its reservation; the reference is invalid afterwards.
  void Drop(InFlight& in_flight);

  // Targets, groups and slots (engine_groups.cc).
  Target& EnsureTarget(const std::string& target_key);
  Target& TargetOf(const Group& group);
  // ResourceExhausted if the target has too many groups.
  absl::StatusOr<Group*> EnsureGroup(const TargetKey& target, const std::string& concurrency_key);
  Group& AddGroup(Target& target, std::string group_key, std::string concurrency_key, uint32_t id);
  Group* FindGroup(const std::string& group_key);
  Group* FindGroup(uint32_t id);
  Group& GroupOf(uint32_t id);
  void OpenWindow(Group& group);
  // The group's last watcher has gone.
  void CloseWindow(Group& group, absl::Time now);
  // Jobs of a group came due that nobody receives.
  void CountUnreceived(const Group& group, size_t count);
  // An entry whose time is before `now` waits behind what was queued before `now`.
  void AddEntry(Group& group, Position position, absl::Time now);
  void Forget(Group& group, uint64_t job_id);
  void RaiseMark(Group& group);
  void Touch(const Group& group);
  void Touch(const Target& target);
  bool HasSlot(const Target& target) const;
  static bool HasSlot(const Group& group);
  void TakeSlots(Group& group);
  void GiveBackSlots(uint32_t group_id);
  // The limits of a target have changed, or may have.
  void ApplyLimits(Target& target);
  // Takes note of the wall clock; pauses must not last longer because it was set back.
  void NoteTime(absl::Time now);
  // Puts everything that was touched into its place among what can be started.
  void RefreshTouched();
  void Refresh(Group& group);
  void Refresh(Target& target);
  // Puts a group into its place in Target::startable, or takes it out.
  void PlaceInTarget(Group& group, Target& target);
  // A job that is due finds no slot of a limit: counts it, unless it was the last one counted.
  void CountThrottled(uint32_t target_id, const std::string& concurrency_key, uint64_t job_id,
                      uint64_t* last_throttled);
  void On(ReadLimitsEvent& event, absl::Time now);
  // Gives up a group that has no jobs any more if its target has many; true if it did.
  bool DropIfIdle(Group& group);
  void DropIfUnused(Target& target);
  uint64_t NewJobId();
  uint32_t NewGroupId();

  // The start (engine_recovery.cc).
  absl::Status RecoverFormat();
  absl::Status RecoverIds();
  absl::Status RecoverGroups();
  void RecoverGroup(std::string key, GroupKeyParts parts, uint32_t id, absl::Time mark);
  // Finds the numbers of groups whose records are lost: those of index entries that no other group
  // has, as their jobs tell whose they are. One without a readable job is gone.
  absl::Status RebuildGroups(const std::vector<std::string>& keys);
  absl::Status RecoverPrefixDeletes();

  void CheckJobs() const;
  void CheckSlots() const;

  Store* const store_;
  const Limits limit_values_;
  TurnBatch batch_;
  bool foreground_ = false;
  Effects effects_;

  absl::flat_hash_map<uint32_t, std::unique_ptr<Target>> targets_;
  absl::flat_hash_map<std::string, uint32_t> target_ids_;  // encoded target key -> id
  uint32_t last_target_id_ = 0;
  absl::flat_hash_map<uint32_t, std::unique_ptr<Group>> groups_;
  absl::flat_hash_map<std::string, uint32_t> group_ids_;  // encoded group key -> id
  // Targets that can start a job, by when their first one is due.
  TriggerQueue due_targets_;
  // Groups whose place in their target may have changed, and targets whose place here may have.
  absl::flat_hash_set<uint32_t> touched_;
  absl::flat_hash_set<uint32_t> touched_targets_;
  uint32_t last_served_ = 0;  // target, for round robin between turns
  absl::Time last_now_ = absl::InfinitePast();

  FiringWatch firing_;
  absl::Duration monotonic_;  // of the last RunDue
  AnswerTimes answer_times_;
  JobCounts job_counts_;

  WatchRegistry registry_;
  ConcurrencyLimits limits_;
  OfflineCount offline_;                               // of the groups whose windows are closed
  absl::flat_hash_map<uint64_t, InFlight> in_flight_;  // by job id
  std::vector<uint64_t> ready_;
  size_t loading_ = 0;
  uint64_t last_load_id_ = 0;
  absl::flat_hash_map<uint64_t, Tries> tries_;  // of jobs whose current tick was undelivered

  PrefixDeletes prefix_deletes_;
  uint64_t next_job_id_ = 1;
  uint64_t reserved_job_id_ = 1;  // first id that is not reserved
  uint32_t next_group_id_ = 1;
  uint32_t reserved_group_id_ = 1;
};

}  // namespace belfry
