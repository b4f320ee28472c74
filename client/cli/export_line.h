#pragma once

// Exported jobs as lines of JSON: docs/export-format.md. Both directions together are exact: a line
// that was printed and read again is the same job, down to fields that this version does not know.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "belfry/v1/admin.pb.h"

namespace belfry {

// One line, without its end.
std::string ExportLine(const v1::ExportedJob& job);

// InvalidArgument if the line is not JSON, has a field that is not one, or a value of a wrong kind;
// the message begins with the field's name. What the values mean is the scheduler's business.
absl::StatusOr<v1::ExportedJob> ParseExportLine(std::string_view line);

}  // namespace belfry
