#pragma once

// What must be true of a job that comes from outside with its progress.

#include "absl/status/status.h"
#include "belfry/storage/v1/records.pb.h"
#include "scheduler/store/record_codec.h"

namespace belfry {

// OK if the engine may go on with the job as it is. Else InvalidArgument; the message begins with
// the field at fault, as export lines name it (docs/export-format.md): a part of the job that a
// request could not have either, a time outside of the years 1 to 9999, or times that contradict
// each other, so that a tick could fire early or after the job's end.
absl::Status CheckRestoredJob(const storage::v1::JobRecord& record,
                              const RestoredProgress& progress);

}  // namespace belfry
