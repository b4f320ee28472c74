#pragma once

// Jobs to and from the JSON of the HTTP API.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "dapr/proto/runtime/v1/jobs.pb.h"

namespace belfry::sidecar {

// Which of the two prefixes a request came by.
enum class ApiVersion {
  kAlpha1,  // /v1.0-alpha1: `data` may be the pair of a well-known type
  kV1,      // /v1.0: `data` is any JSON value
};

// Reads the body of POST jobs/{name}: the fields of a job side by side, or inside an object `job`,
// with `overwrite` at either place. Names may be camel or snake case, unknown fields are ignored,
// null means unset except for `data`. An empty body is an empty job. `job.name` of the result is
// what the body said. InvalidArgument with a text for the client if the body is malformed.
absl::StatusOr<dapr::proto::runtime::v1::ScheduleJobRequest> ParseScheduleBody(
    std::string_view body, ApiVersion version);

// The JSON of GET jobs/{name}: unset fields are left out, strings are as scheduled.
std::string JobToJson(const dapr::proto::runtime::v1::Job& job);

}  // namespace belfry::sidecar
