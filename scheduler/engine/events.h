#pragma once

// What goes into the engine and what comes out of it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "scheduler/engine/prefix_deletes.h"
#include "scheduler/engine/watcher.h"
#include "scheduler/engine/window.h"
#include "scheduler/job/job_key.h"
#include "scheduler/job/job_spec.h"
#include "scheduler/store/record_codec.h"
#include "scheduler/store/store.h"

namespace belfry {

// How a watcher answered a trigger.
enum class Outcome { kSuccess, kFailed };

// Told once the answer to a request is known and true: a reply never tells of a state that a power
// cut can undo. Must not block.
using Reply = absl::AnyInvocable<void(absl::Status)>;

struct ScheduleEvent {
  JobKey key;
  std::string job_key;          // EncodeJobKey(key)
  std::string concurrency_key;  // may be empty
  std::string record;           // JobRecord
  JobSpec spec;
  bool overwrite = false;
  // If set, the job goes on from there; else it begins.
  std::optional<RestoredProgress> restored = {};
  Reply reply;
};

struct DeleteEvent {
  JobKey key;
  std::string job_key;
  Reply reply;
};

struct DeletePrefixEvent {
  std::string prefix;  // of encoded job keys
  Reply reply;
};

// At most `max_concurrent` triggers of a target, or of the target's jobs with one concurrency key,
// may be unanswered at a time.
struct ConcurrencyLimit {
  TargetKey target;
  std::string concurrency_key;  // empty: all jobs of the target
  size_t max_concurrent = 0;
};

// A concurrency limit at work.
struct LimitState {
  ConcurrencyLimit limit;
  size_t unanswered = 0;  // triggers
  // Jobs that are due and wait, of those that are in memory; kMaxCountedPending at most.
  size_t pending = 0;
  // Jobs that had to wait since the limit was first declared, each counted when it is first in
  // line.
  uint64_t throttled = 0;
};

// Asks for the state of all limits. The reply is given on the loop's thread and must not block.
struct ReadLimitsEvent {
  absl::AnyInvocable<void(std::vector<LimitState>)> reply;
};

struct AddWatcherEvent {
  WatcherId id = 0;
  std::shared_ptr<Watcher> watcher;
  std::vector<TargetKey> targets;
  std::vector<ConcurrencyLimit> limits = {};  // each at least 1
};

struct RemoveWatcherEvent {
  WatcherId id = 0;
};

struct SettleEvent {
  WatcherId id = 0;
  uint64_t trigger_id = 0;
  Outcome outcome = Outcome::kSuccess;
};

struct WatcherDrainedEvent {
  WatcherId id = 0;
};

// Asks a reader for a job that is about to be delivered.
struct LoadRequest {
  uint64_t job_id = 0;
  uint64_t load_id = 0;  // tells apart loads of a job that was given up meanwhile
};

// What a reader found.
struct LoadedJob {
  enum class State { kFound, kGone, kUnreadable };
  uint64_t job_id = 0;
  uint64_t load_id = 0;
  State state = State::kGone;
  // If found.
  std::string job_key;
  JobSpec spec;
  std::optional<Counter> counter;
  dapr::proto::scheduler::v1::WatchJobsResponse message;  // id still unset
  // If unreadable: the record at fault.
  std::string error;
  Table raw_table = Table::kJobs;
  std::string raw;
};

struct LoadEvent {
  std::vector<LoadedJob> jobs;
  size_t bytes = 0;  // of payloads, for the readers' budget
};

// Asks a reader for jobs under a prefix that are to be purged.
struct PurgeRequest {
  std::string prefix;
  uint64_t ceiling = 0;
  std::string from;  // first key to look at
};

struct PurgeEvent {
  PurgeRequest request;
  struct Job {
    std::string job_key;
    uint64_t job_id;
  };
  std::vector<Job> jobs;
  std::string next;  // where the next slice begins
  bool done = false;
  std::string unreadable;  // a name that must be found before the purge goes on
};

// A reader looked for the job of a name whose record cannot be read.
struct NameFoundEvent {
  std::string job_key;
  std::optional<NameEntry> entry;  // none: there is no such job
};

using Event = std::variant<ScheduleEvent, DeleteEvent, DeletePrefixEvent, AddWatcherEvent,
                           RemoveWatcherEvent, SettleEvent, WatcherDrainedEvent, ScanResult,
                           LoadEvent, PurgeEvent, NameFoundEvent, ReadLimitsEvent>;

struct Answer {
  Reply reply;
  absl::Status status;
};

struct Send {
  std::shared_ptr<Watcher> watcher;
  dapr::proto::scheduler::v1::WatchJobsResponse message;
};

// A trigger whose answer has taken too long.
struct GivenUp {
  std::shared_ptr<Watcher> watcher;
  uint64_t trigger_id = 0;
};

// Jobs that came due while nobody was connected to receive them.
struct UnreceivedJobs {
  TargetKind kind = TargetKind::kApp;
  size_t count = 0;
};

// What a turn brings about. The rule that matters: nothing of this may be done before the turn's
// batch is written, and no answer may be given before everything written so far is durable.
struct Effects {
  std::vector<Answer> answers;
  std::vector<GivenUp> given_up;
  std::vector<Send> sends;
  std::vector<ScanRequest> scans;
  std::vector<LoadRequest> loads;
  std::vector<PurgeRequest> purges;
  std::vector<UnreceivedJobs> unreceived;
  bool prefix_deletes_changed = false;
  size_t quarantined_count = 0;  // records that were set aside
};

}  // namespace belfry
