#pragma once

// Every fixed limit of the server around the core, by name. The core's own, and all that flags set,
// are in scheduler/base/limits.h.

#include <cstddef>

#include "absl/time/time.h"

namespace belfry::server {

// A client may ping this often; one that pings more often loses its connection. Below the 3 s that
// a client may reasonably copy from us, so that nobody is cut off because of jitter.
inline constexpr absl::Duration kMinClientPingInterval = absl::Seconds(1);

// The admin service. Calls beyond the first are refused with ResourceExhausted; one whose client
// takes or sends nothing for the second is cancelled, as it holds an old state of the store.
inline constexpr int kMaxAdminCalls = 16;
inline constexpr absl::Duration kMaxAdminStall = absl::Minutes(5);
// Answers of a call that wait for the network before the call waits too, and requests that wait for
// the call before no more are read.
inline constexpr size_t kMaxQueuedResponseBytes = size_t{1} << 20;
inline constexpr size_t kMaxQueuedRequestBytes = size_t{1} << 20;
// Quarantined records that one call tells of; the rest is left out.
inline constexpr size_t kMaxQuarantineList = 100000;
// Jobs, and bytes after which no further job is taken, that an import hands to the loop together.
inline constexpr size_t kImportBatchJobs = 1000;
inline constexpr size_t kImportBatchBytes = size_t{8} << 20;
// An import tries jobs that the scheduler had no room for again after this, and gives up if no job
// was taken for this long.
inline constexpr absl::Duration kImportRetryPause = absl::Milliseconds(100);
inline constexpr absl::Duration kMaxImportWait = absl::Seconds(30);

// At a stop every call is answered at once; this is how long the answers may take to reach their
// callers. Idle clients that do not listen are waited for as long, so it is short.
inline constexpr absl::Duration kDrainTimeout = absl::Seconds(1);
// What cancelled calls have until their connections are broken off.
inline constexpr absl::Duration kCancelTimeout = absl::Milliseconds(500);
// Longest time from a signal to the end of the process; a store that hangs ends it this way.
inline constexpr absl::Duration kStopTimeout = absl::Seconds(10);

// Answers up to this size are not counted against --max-answer-bytes.
inline constexpr size_t kSmallAnswerBytes = size_t{64} << 10;

// How often it is looked whether the data directory is still there, and whether the files of
// certificates have changed when nobody connects. (Each new connection looks at them as well.)
inline constexpr absl::Duration kLookAfterPeriod = absl::Seconds(1);

// HTTP (health and metrics). A connection beyond the limit of its port takes the place of the one
// that has waited longest; requests beyond the others are refused, and their connection closed.
inline constexpr size_t kMaxHttpConnections = 64;
inline constexpr size_t kMaxHttpHeaderBytes = 8192;
inline constexpr size_t kMaxHttpBodyBytes = 1024;
inline constexpr absl::Duration kHttpTimeout = absl::Seconds(10);
// How long a scrape waits for the loop to tell of its concurrency limits; then they are left out.
inline constexpr absl::Duration kMaxLimitsWait = absl::Seconds(1);

}  // namespace belfry::server
