#pragma once

// `belfry-sidecar --wait`: waits for another sidecar on this machine.

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace belfry::sidecar {

// Asks the sidecar whose HTTP API has this port, again and again with `pause` between, until it
// says that calls can be made. DeadlineExceeded, with the last answer, after `limit`.
absl::Status WaitUntilOutboundReady(int http_port, absl::Duration limit, absl::Duration pause);

}  // namespace belfry::sidecar
