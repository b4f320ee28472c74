#pragma once

// Pauses between tries. They are drawn at random so that clients that lost the same scheduler do
// not all come back in the same instant.

#include "absl/time/time.h"

namespace belfry::client {

// A duration drawn evenly from [min, max]; `min` if `max` is not above it. May be called from any
// thread.
absl::Duration DrawPause(absl::Duration min, absl::Duration max);

}  // namespace belfry::client
