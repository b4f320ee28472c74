#pragma once

// What a name whose record cannot be read must have meant: everything in it can be told from the
// job's own record.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "scheduler/store/record_codec.h"
#include "scheduler/store/store.h"

namespace belfry {

// The entry of the newest job that is stored under this key; nullopt if there is none that can be
// read. `first_due` is where its schedule begins, which for a job that came from another store
// and has not fired since may not be its place in the index. Reads the whole table `jobs`: seconds
// for millions of jobs. Errors are the store's. Any thread.
absl::StatusOr<std::optional<NameEntry>> FindNameEntry(const Store& store,
                                                       const std::string& job_key);

}  // namespace belfry
