#pragma once

// belfry::Worker: receives the triggers of an app from every live scheduler and answers them.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "belfry/tls.h"
#include "dapr/proto/scheduler/v1/scheduler.pb.h"

namespace belfry {

// The answer to a trigger: the tick is done, or the job's failure policy decides.
enum class TriggerResult { kSuccess, kFailed };

// Ordinary value semantics.
struct WorkerOptions {
  // host:port of schedulers to ask for the list of live ones. Without any, nothing is received.
  std::vector<std::string> addresses;
  // Whose jobs: a namespace and an app id, neither empty. Workers of the same app share its jobs:
  // each trigger goes to one of them.
  std::string ns = "default";
  std::string app_id;
  // Streams to each scheduler, at least 1; each has a connection of its own.
  int streams_per_host = 3;
  // Reconnects are made for ever, after a pause drawn between these (0 < min <= max). To a
  // scheduler that refuses the app, again and again, they become rarer, down to one in 10 s for
  // each stream.
  absl::Duration min_backoff = absl::Milliseconds(250);
  absl::Duration max_backoff = absl::Milliseconds(750);
  // A scheduler that has sent nothing for `keepalive_idle` (live ones send a ping every 3 s) is
  // asked whether it is alive and given up after `keepalive_timeout` without an answer.
  absl::Duration keepalive_idle = absl::Seconds(20);
  absl::Duration keepalive_timeout = absl::Seconds(10);
  // How to speak TLS with schedulers; without, connections are not protected. While the files
  // cannot be used, on_error tells so.
  std::optional<TlsOptions> tls;
  // These are called on threads of the worker's, must not block for long and must not call Stop.
  // Called with every new list of live schedulers: sorted, each address once.
  std::function<void(const std::vector<std::string>&)> on_hosts;
  // Called when the number of open streams has changed.
  std::function<void(int)> on_streams;
  // Called with the scheduler's address whenever a connection could not be made or was lost, which
  // is retried: for logs. May be called from several threads at once.
  std::function<void(const std::string& address, const absl::Status& status)> on_error;
};

// Every trigger is delivered at least once: handlers must bear one that comes twice.
//
// Thread safety: Start and Stop belong to the owner; the rest may be called from any thread.
class Worker {
 public:
  // Called once per trigger, from any thread, at any time. After the stream has gone it does
  // nothing: the scheduler delivers that trigger again. Destroying it unused leaves the trigger
  // unanswered, so that it comes again when this stream has ended, and not before.
  using Done = absl::AnyInvocable<void(TriggerResult)>;
  // Called for each trigger on a thread of the worker's; must not block.
  using Handler =
      std::function<void(dapr::proto::scheduler::v1::WatchJobsResponse trigger, Done done)>;

  // Does nothing yet. `handler` is owned, and destroyed when the last stream has ended.
  Worker(WorkerOptions options, Handler handler);
  ~Worker();  // stops without draining
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Begins to follow WatchHosts and opens the streams. REQUIRES: called at most once.
  void Start();

  // Whether triggers are wanted; false closes all streams soon, and answers to triggers that came
  // over them are dropped. Initially true; may be set before Start.
  void SetReceiving(bool receiving);

  // Closes everything. The handler gets no more triggers; for at most `drain`, those that it has
  // are waited for and their answers sent. After it returns no callback runs. May be called twice,
  // and without Start.
  void Stop(absl::Duration drain = absl::Seconds(5));

  // The live schedulers as last told; empty before the first list.
  std::vector<std::string> hosts() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace belfry
