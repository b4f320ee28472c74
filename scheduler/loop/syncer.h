#pragma once

// Syncer: makes written changes durable, and tells those who wait for it. Many callers share one
// sync: it answers everyone who waits for what was written before it began.
//
// Changes that a reply will tell of carry a sequence number. It is announced before the batch is
// written, so that a reader that has seen the batch knows a number that covers it.

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "scheduler/base/clock.h"
#include "scheduler/base/mutex.h"
#include "scheduler/store/store.h"

namespace belfry {

// Thread safety: all methods may be called from any thread, except Start and Stop, which belong to
// the owner, and Announce and Written, which belong to the one writer.
class Syncer {
 public:
  // Told whether the changes are durable. Must not block.
  using Done = absl::AnyInvocable<void(absl::Status)>;

  // `store` and `clock` are borrowed. `on_fatal` is called once if a sync fails.
  Syncer(Store* store, Clock* clock, absl::Duration max_unsynced,
         std::function<void(absl::Status)> on_fatal);
  ~Syncer();
  Syncer(const Syncer&) = delete;
  Syncer& operator=(const Syncer&) = delete;

  void Start();
  // Syncs what is written, answers everyone who waits, and joins the thread.
  absl::Status Stop();

  // The writer is about to write a batch that replies will tell of; returns its number.
  uint64_t Announce();
  // The writer has written all batches up to the last announced one, and maybe others.
  void Written();

  // The newest announced number: what a reader must wait for after it has read.
  uint64_t announced() const;

  // Calls `done` once everything up to number `sequence` is durable; at once, on the caller's
  // thread, if it is already. Unavailable if that can't be known any more.
  void WhenDurable(uint64_t sequence, Done done);
  // The same for each of `all`, at the cost of one.
  void WhenDurable(uint64_t sequence, std::vector<Done> all);

  // One sync, now and on the caller's thread: afterwards everything is durable whose write returned
  // before the call, also what no reply tells of. Unavailable if that can't be known. Must not be
  // called by the writer.
  absl::Status SyncNow();

  // Fails everyone who waits and will wait: the writer can't go on.
  void Fail(absl::Status status);

  // One sync, if one is due; returns whether there was. What the thread repeats.
  bool RunOnce();

 private:
  struct Waiter {
    uint64_t sequence;
    Done done;
  };

  void SyncThreadMain();
  bool SyncIsDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<absl::Duration> TimeToSync() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Sync(bool force);

  Store* const store_;
  Clock* const clock_;
  const absl::Duration max_unsynced_;
  const std::function<void(absl::Status)> on_fatal_;
  std::thread thread_;

  mutable Mutex mutex_;
  // Signalled by: a new waiter, a finished write, Stop, Fail.
  CondVar changed_{&mutex_};
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  uint64_t announced_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t durable_ ABSL_GUARDED_BY(mutex_) = 0;
  // When the oldest unsynced change was written; nullopt if everything is durable.
  std::optional<absl::Duration> unsynced_since_ ABSL_GUARDED_BY(mutex_);
  std::vector<Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace belfry
