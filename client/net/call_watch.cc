#include "client/net/call_watch.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/net/open_connections.h"
#include "spdlog/spdlog.h"

namespace belfry::net {
namespace {

constexpr absl::Duration kTellPeriod = absl::Seconds(10);

}  // namespace

std::vector<std::string> ConnectionsToEnd(std::vector<ConnectionCalls> connections,
                                          const CallLimits& limits) {
  std::sort(connections.begin(), connections.end(),
            [](const auto& a, const auto& b) { return a.open > b.open; });
  int64_t total = 0;
  for (const ConnectionCalls& connection : connections) total += connection.open;
  std::vector<std::string> to_end;
  for (ConnectionCalls& connection : connections) {
    if (connection.open <= limits.per_connection && total <= limits.total) break;
    total -= connection.open;
    to_end.push_back(std::move(connection.peer));
  }
  return to_end;
}

CallWatch::CallWatch(const CallLimits& limits)
    : limits_(limits),
      next_look_at_(std::min(limits.per_connection, limits.total)),
      thread_([this] { ThreadMain(); }) {}

CallWatch::~CallWatch() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void CallWatch::ThreadMain() {
  absl::Duration pause = kCallWatchPeriod;
  for (;;) {
    {
      const absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), pause)) return;
    }
    pause = Look();
  }
}

absl::Duration CallWatch::Look() {
  const int64_t first = std::min(limits_.per_connection, limits_.total);
  const int64_t open = CountOpenCalls();
  if (open <= next_look_at_) {
    next_look_at_ = std::max(first, std::min(next_look_at_, open + first / 2));
    return open < first / 2 ? kCallWatchPeriod : kBusyCallWatchPeriod;
  }
  // Looking at each of many connections takes time: again only when one may have too many since.
  next_look_at_ = open + first / 2;
  int ended = 0;
  const std::vector<std::string> to_end = ConnectionsToEnd(OpenCallsByConnection(), limits_);
  for (const std::string& peer : to_end) ended += BreakConnectionsFrom(peer);
  if (ended > 0) Tell(ended, to_end.back());
  return kBusyCallWatchPeriod;
}

void CallWatch::Tell(int ended, const std::string& last) {
  untold_ += ended;
  const absl::Time now = absl::Now();
  if (now - told_ < kTellPeriod) return;
  told_ = now;
  spdlog::warn("connections ended, their clients began too many calls connections={} last=\"{}\"",
               std::exchange(untold_, 0), last);
}

}  // namespace belfry::net
