#pragma once

// How requests get to an HTTP app: over HTTP/1.1 or HTTP/2.

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/sidecar/app_stream.h"

namespace belfry::sidecar {

// Thread safety: all methods may be called from any thread and return at once.
class AppTransport {
 public:
  // The status code that the app answered with, or why there is none: Cancelled after
  // CancelDeliveries, Unavailable otherwise.
  using Done = absl::AnyInvocable<void(absl::StatusOr<int>)>;
  enum class Kind {
    kDelivery,  // a job; waits for an answer for at most `timeout`, connecting not included
    kProbe,     // anything else; takes at most `timeout`, in the same way
  };

  virtual ~AppTransport() = default;

  // Sends a request. `done` is called exactly once, on any thread, when the app has answered and
  // can be sent another one; it must not block. `timeout` may be infinite.
  virtual void Exchange(Kind kind, AppRequest request, absl::Duration timeout, Done done) = 0;

  // Ends the deliveries in progress; later ones are not affected.
  virtual void CancelDeliveries() = 0;
};

}  // namespace belfry::sidecar
