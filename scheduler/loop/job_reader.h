#pragma once

// Reads that the loop never makes itself: stretches of the index, jobs about to be delivered, jobs
// to be purged, and what Get and List show.
// Thread safety: all functions may be called from any thread.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "belfry/storage/v1/records.pb.h"
#include "scheduler/engine/events.h"
#include "scheduler/engine/prefix_deletes.h"
#include "scheduler/loop/encoded_list.h"
#include "scheduler/store/store.h"

namespace belfry {

// Index entries of a group from a position on.
absl::StatusOr<ScanResult> ScanIndex(const Store& store, const ScanRequest& request);

// One job for delivery, from its rows in tables `jobs` and `counters`. A row that does not parse is
// reported in the result.
LoadedJob LoadJob(uint64_t job_id, std::optional<std::string> record,
                  std::optional<std::string> counter);

// One slice of a purge, which ends before a name that cannot be read. Also warms what the loop will
// read to purge it.
absl::StatusOr<PurgeEvent> ScanPurge(const Store& store, const PurgeRequest& request);

// One job as it was accepted; NotFound if there is none or a prefix delete covers it, DataLoss if
// its record is missing or does not parse, or it will not fire because its counter was set aside.
absl::StatusOr<storage::v1::JobRecord> ReadJob(const Store& store, const PrefixDeletes& deleted,
                                               const std::string& job_key);
// The same by its id; nullopt if there is no record.
absl::StatusOr<std::optional<storage::v1::JobRecord>> ReadRecord(const Store& store,
                                                                 uint64_t job_id);
// Whether there is a name whose record does not parse. An error of the store is none.
bool IsUnreadableName(const Store& store, const std::string& job_key);

// The jobs under a prefix in key order, as of one instant. ResourceExhausted if their records are
// larger than `max_bytes` together. A record that does not parse is logged and left out.
absl::StatusOr<EncodedList> ListJobs(const Store& store, const std::string& prefix,
                                     size_t max_bytes);

}  // namespace belfry
