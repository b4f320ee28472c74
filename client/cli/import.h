#pragma once

// `belfry import`: lines of JSON to a scheduler.

#include <istream>
#include <ostream>

#include "absl/status/status.h"
#include "belfry/v1/admin.grpc.pb.h"
#include "client/cli/admin_options.h"

namespace belfry {

// A longer line is refused: more than the largest job's.
inline constexpr size_t kMaxImportLineBytes = size_t{256} << 20;

// Sends the jobs of `in`, one a line; empty lines are passed over. Each line that is not stored is
// told on `err` with its number, and the summary on `out` as one JSON object. OK if all lines were
// stored or skipped.
absl::Status RunImport(const AdminOptions& options, v1::Admin::Stub* stub, std::istream& in,
                       std::ostream& out, std::ostream& err);

}  // namespace belfry
