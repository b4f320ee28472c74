#pragma once

// The client's one retry rule: CANCELLED from a scheduler means that it is shutting down and the
// call belongs to another one. Anything else is final, since the call may have had its effect.

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "belfry/client.h"

namespace belfry::client {

// Calls `attempt` with the time left until it returns something other than CANCELLED, pausing 125
// to 375 ms before each repetition. Once the timeout leaves no room for another try the result is
// DeadlineExceeded. `attempt` must keep to the time that it is given.
absl::Status RetryCancelled(absl::Duration timeout, const RetryTime& time,
                            const std::function<absl::Status(absl::Duration left)>& attempt);

}  // namespace belfry::client
