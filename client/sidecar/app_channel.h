#pragma once

// The way to the app.

#include <google/protobuf/any.pb.h>

#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"

namespace belfry::sidecar {

// A job that is due.
struct JobEvent {
  std::string name;
  // Absent if the job has none.
  std::optional<google::protobuf::Any> data;
};

// What became of a call to the app.
enum class AppAnswer {
  kDone,         // the app has handled it
  kDropped,      // the app does not know the job; it is not tried again
  kRefused,      // the app has failed at it
  kUnreachable,  // there was no answer, or none could be asked for
  kCancelled,    // by CancelDeliveries; whether the app has handled it is not known
};

struct AppReply {
  AppAnswer answer = AppAnswer::kUnreachable;
  std::string detail;  // for logs
};

// Thread safety: all methods may be called from any thread and return at once. Each callback is
// called exactly once, on any thread, and must not block.
class AppChannel {
 public:
  virtual ~AppChannel() = default;

  // Hands a job to the app.
  virtual void Deliver(JobEvent event, absl::AnyInvocable<void(AppReply)> done) = 0;

  // Asks the app once whether it is healthy.
  virtual void CheckHealth(absl::AnyInvocable<void(bool)> done) = 0;

  // What is said to an app when it is first reached; whatever it answers is ignored.
  virtual void Introduce(absl::AnyInvocable<void()> done) = 0;

  // Ends the deliveries in progress with kCancelled; later ones are not affected.
  virtual void CancelDeliveries() = 0;
};

}  // namespace belfry::sidecar
