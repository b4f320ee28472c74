#pragma once

// Jobs between the store and the messages of belfry.v1.Admin.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "belfry/v1/admin.pb.h"
#include "scheduler/loop/job_cursor.h"

namespace belfry::server {

// The prefixes of encoded job keys, see job_key.h, that a filter stands for. InvalidArgument if it
// names a target without a namespace.
absl::StatusOr<std::vector<std::string>> PrefixesOf(const v1::JobFilter& filter);

v1::ExportedJob ToExported(StoredJob job);
v1::UnreadableJob ToUnreadable(UnreadableJob job);

// A job that may be stored. InvalidArgument, beginning with the field at fault, if a part is
// missing or CheckRestoredJob refuses it.
absl::StatusOr<StoredJob> FromExported(v1::ExportedJob job);

}  // namespace belfry::server
