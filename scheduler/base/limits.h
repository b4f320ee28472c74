#pragma once

// Every limit of the scheduler, by name. Each has an answer when it is reached, said beside it.

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace belfry {

// Names (bytes). Longer ones are refused with InvalidArgument.
inline constexpr size_t kMaxJobNameBytes = 512;
inline constexpr size_t kMaxNamespaceBytes = 253;
inline constexpr size_t kMaxTargetBytes = 253;  // app id or actor type
inline constexpr size_t kMaxActorIdBytes = 512;
inline constexpr size_t kMaxConcurrencyKeyBytes = 512;

// A request to schedule a job: payload, definition and names. Larger ones are refused with
// ResourceExhausted.
inline constexpr size_t kMaxJobBytes = size_t{64} << 20;
// What a request may have beyond its job's bytes in the mailbox.
inline constexpr size_t kMaxRequestOverhead = size_t{64} << 10;

// Requests waiting for the loop. Above either, requests are refused with ResourceExhausted;
// answers to triggers and ends of streams always find room, as their number is bounded by the
// triggers in flight.
inline constexpr size_t kMaxMailboxEvents = 65536;
inline constexpr size_t kMaxMailboxBytes = size_t{256} << 20;

// Events, and bytes of requests after which no further event is taken, of one turn of the loop; the
// rest wait for the next turn.
inline constexpr size_t kMaxEventsPerTurn = 4096;
inline constexpr size_t kMaxBytesPerTurn = size_t{16} << 20;

// Answers to triggers are taken together: a turn for them alone comes no sooner than this after the
// turn before it, or when this many wait.
inline constexpr absl::Duration kAnswerPace = absl::Milliseconds(1);
inline constexpr size_t kPacedAnswers = 256;

// Index entries of one group held in memory: a refill reads up to kScanEntries once fewer than
// kRefillBelow are left; above kMaxWindowEntries the latest go back to being on disk only.
inline constexpr size_t kScanEntries = 4096;
inline constexpr size_t kRefillBelow = 2048;
inline constexpr size_t kMaxWindowEntries = 16384;
// Index entries read at once to count what came due for a group that nobody receives.
inline constexpr size_t kOfflineCountEntries = 1024;

// Triggers started by one turn, in all and for one group before the next group has its turn.
inline constexpr size_t kMaxTriggersPerTurn = 1024;
inline constexpr size_t kMaxTriggersPerVisit = 64;

// Jobs whose payloads are being read; more due jobs wait in their windows.
inline constexpr size_t kMaxLoading = 2048;
// Payload bytes read and not yet handed to a stream; readers pause above it.
inline constexpr size_t kMaxLoadedBytes = size_t{64} << 20;
// Jobs, and bytes after which no further job is read, handed to the loop at once.
inline constexpr size_t kLoadChunkJobs = 128;
inline constexpr size_t kLoadChunkBytes = size_t{8} << 20;
// So many ids make a scan cheaper than looking each up, if no two neighbours lie further apart.
inline constexpr size_t kMinScannedIds = 8;
inline constexpr uint64_t kMaxScannedIdGap = 4;

// A list is encoded in pieces of this size, so that no piece is ever copied to grow.
inline constexpr size_t kListPieceBytes = size_t{256} << 10;

// What one stream may have outstanding; round robin passes over a stream that has reached either.
inline constexpr size_t kMaxUnsentBytesPerWatcher = size_t{4} << 20;
inline constexpr size_t kMaxInFlightPerWatcher = 100000;

// WatchJobs and WatchHosts streams that are open; more are refused with ResourceExhausted. A
// sidecar of Dapr has four.
inline constexpr size_t kMaxStreams = 20000;
// Targets (an app and actor types) that one stream may watch, and concurrency limits that it may
// declare; more are refused with ResourceExhausted.
inline constexpr size_t kMaxTargetsPerWatcher = 10000;
inline constexpr size_t kMaxLimitsPerWatcher = 1000;
// Waiting jobs that are counted for one limit when somebody asks; more are not told of.
inline constexpr size_t kMaxCountedPending = 10000;
// Groups of one target: one for the jobs without a concurrency key, and one for each key. Jobs with
// yet another key are refused with ResourceExhausted. Each group costs some hundred bytes while it
// has jobs; above kIdleGroupsPerTarget those that have none any more are given up.
inline constexpr size_t kMaxGroupsPerTarget = 100000;
inline constexpr size_t kIdleGroupsPerTarget = 64;

// Undelivered tries of a tick are remembered for this many jobs; a job beyond it is tried again
// without a pause.
inline constexpr size_t kMaxBackoffs = 100000;
inline constexpr absl::Duration kMinUndeliveredBackoff = absl::Milliseconds(100);
inline constexpr absl::Duration kMaxUndeliveredBackoff = absl::Seconds(5);

// ListJobs calls being answered or waiting to be; more are refused with ResourceExhausted.
inline constexpr size_t kMaxPendingLists = 1000;

// Jobs that a cursor reads at once, and bytes of their records after which it reads no further job.
inline constexpr size_t kCursorJobs = 256;
inline constexpr size_t kCursorBytes = size_t{1} << 20;

// Prefix deletes whose records are still being purged; more are refused with ResourceExhausted.
inline constexpr size_t kMaxPendingPrefixDeletes = 1000;
// Jobs purged by one turn.
inline constexpr size_t kPurgeSlice = 500;

// Ids reserved by one write of the id record.
inline constexpr uint64_t kJobIdReserve = 1000000;

// Longest sleep of the loop, so that a stepped wall clock is noticed.
inline constexpr absl::Duration kMaxLoopSleep = absl::Seconds(1);
// A wall clock that moved by more than this against the monotonic clock, between two turns of the
// loop, was set. Less is corrected slowly on every system that knows how to.
inline constexpr absl::Duration kMinClockStep = absl::Milliseconds(10);
// Pause before a write is tried again that the store refused because it would have had to wait.
inline constexpr absl::Duration kWriteRetryPause = absl::Milliseconds(1);
// How long a stopping loop goes on trying such a write; then the write counts as failed.
inline constexpr absl::Duration kMaxStopWriteWait = absl::Seconds(5);

// The limits that flags set, with their defaults: what belongs to the machine and to its users, not
// to the algorithms. A refusal names the flag and its value. server/limit_flags.cc says what is
// allowed.
struct Limits {
  size_t max_job_bytes = kMaxJobBytes;
  // Requests that have come in part or whole and were not yet looked at, of all connections.
  size_t max_received_bytes = size_t{1} << 30;
  size_t max_mailbox_events = kMaxMailboxEvents;
  size_t max_mailbox_bytes = kMaxMailboxBytes;
  size_t max_turn_events = kMaxEventsPerTurn;
  size_t max_turn_bytes = kMaxBytesPerTurn;
  // Jobs of one namespace, apps and actors together; 0: no limit. More are refused.
  size_t max_jobs_per_namespace = 0;
  size_t max_concurrency_keys = kMaxGroupsPerTarget;
  size_t max_prefix_deletes = kMaxPendingPrefixDeletes;
  size_t max_pending_lists = kMaxPendingLists;
  // Payloads and definitions of one answer to ListJobs.
  size_t max_list_bytes = size_t{1} << 30;
  // Answers to GetJob and ListJobs that have not been sent yet, together.
  size_t max_answer_bytes = size_t{2} << 30;
  // Calls of one connection, and of all: WatchJobs streams, and requests from their first byte to
  // the last of their answer. Clients are told of the first and wait; connections that have more
  // all the same are ended, and if all have too many those that have the most.
  size_t max_connection_calls = 2000;
  size_t max_calls = 25000;
  size_t max_streams = kMaxStreams;
  // Of one stream.
  size_t max_unsent_bytes = kMaxUnsentBytesPerWatcher;
  size_t max_in_flight = kMaxInFlightPerWatcher;
  size_t max_stream_targets = kMaxTargetsPerWatcher;
  size_t max_stream_limits = kMaxLimitsPerWatcher;
  // A trigger that has not been answered for this long counts as undelivered: another watcher gets
  // the tick, and a late answer means nothing. Zero: an app may take as long as it wants.
  absl::Duration max_ack_time = absl::ZeroDuration();
  // Our pings on connections that are silent, and how long a peer may take to answer one: dead
  // peers are found in their sum.
  absl::Duration keepalive_time = absl::Seconds(3);
  absl::Duration keepalive_timeout = absl::Seconds(5);
  // A loop that has not finished a turn for this long is stuck. It turns at least once in
  // kMaxLoopSleep, so this and the next are longer.
  absl::Duration max_loop_stall = absl::Seconds(10);
  // For this long jobs may be left unfired that could be fired, before the scheduler says that it
  // is not ready.
  absl::Duration max_dispatch_wait = absl::Seconds(10);
};

}  // namespace belfry
