#pragma once

// CallWatch: ends connections whose clients begin more calls than they may have open.
//
// gRPC tells clients how many they may have, but holds only those to it that have said that they
// know. A call that is merely begun takes up to 35 KB.

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/net/open_calls.h"

namespace belfry::net {

// How often it is looked while few calls are open, and while many are: then it may be the beginning
// of far more.
inline constexpr absl::Duration kCallWatchPeriod = absl::Milliseconds(50);
inline constexpr absl::Duration kBusyCallWatchPeriod = absl::Milliseconds(10);

struct CallLimits {
  // Of one connection, and of all: then those go that have the most.
  int64_t per_connection;
  int64_t total;
};

// The connections that have to end.
std::vector<std::string> ConnectionsToEnd(std::vector<ConnectionCalls> connections,
                                          const CallLimits& limits);

// Watches all gRPC servers of the process, from its construction on.
class CallWatch {
 public:
  explicit CallWatch(const CallLimits& limits);
  ~CallWatch();
  CallWatch(const CallWatch&) = delete;
  CallWatch& operator=(const CallWatch&) = delete;

 private:
  void ThreadMain();
  // Returns when to look again.
  absl::Duration Look();
  void Tell(int ended, const std::string& last);

  const CallLimits limits_;
  // The thread's.
  int64_t next_look_at_;  // calls that may be open until connections are looked at
  absl::Time told_ = absl::InfinitePast();
  int untold_ = 0;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // the last: it uses the others
};

}  // namespace belfry::net
