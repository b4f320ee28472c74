#pragma once

// ResetGuard: ends connections whose clients begin calls and reset them again, faster than anybody
// does who means them.
//
// gRPC 1.51 takes new calls as fast as they come and works each off later, also one that has been
// reset, so such a client takes gigabytes and the time of all others.

#include <functional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/server_builder.h"

namespace belfry::net {

// Calls that one connection may reset at once, and each second.
inline constexpr double kResetBurst = 5000;
inline constexpr double kResetsPerSecond = 500;

// Calls that a server may have open before it looks at the ends of further ones, which costs
// several percent of a small call.
inline constexpr int kUnobservedCalls = 2000;

// Thread safety: all methods may be called from any thread.
class ResetGuard {
 public:
  // Ends the connections of a client, given as gRPC writes it, and returns how many.
  using BreakOff = std::function<int(const std::string& peer)>;

  // With BreakConnectionsFrom.
  ResetGuard();
  explicit ResetGuard(BreakOff break_off) : break_off_(std::move(break_off)) {}

  // Counts a call that its client has ended before it was answered and before its deadline.
  void CountReset(const std::string& peer, absl::Time now);

 private:
  struct Client {
    double left = kResetBurst;
    absl::Time counted;
    absl::Time broken = absl::InfinitePast();
  };

  // Forgets who has not reset calls for long enough.
  void Forget(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const BreakOff break_off_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Client> clients_ ABSL_GUARDED_BY(mutex_);
  absl::Time told_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int untold_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Lets a guard count the resets of calls beyond kUnobservedCalls of the server that `builder` is
// going to make, and answers calls of methods that no service has, of which gRPC would not tell.
// `unimplemented` must outlive the server.
void GuardResets(grpc::ServerBuilder* builder, grpc::CallbackGenericService* unimplemented);

}  // namespace belfry::net
