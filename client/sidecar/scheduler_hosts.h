#pragma once

// The schedulers that calls can go to, as WatchHosts tells them.

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "belfry/client.h"

namespace belfry::sidecar {

// Holds calls back until the first list of schedulers has come.
// Thread safety: all methods may be called from any thread.
class SchedulerHosts {
 public:
  // `enabled` is false if no scheduler is configured. New lists go on to `connection`.
  SchedulerHosts(bool enabled, std::shared_ptr<Connection> connection)
      : enabled_(enabled), connection_(std::move(connection)) {}

  bool enabled() const { return enabled_; }

  // A new list. The first one lets waiting calls go on.
  void Update(const std::vector<std::string>& hosts);

  // Nobody gives a list, because of `status`, and waiting will not help: until the next list, or
  // OK, calls that have none do not wait.
  void SetHopeless(const absl::Status& status);

  // Waits until calls can go to a scheduler. Otherwise the failure to answer with: disabled (at
  // once), no scheduler in the list (at once), hopeless (at once) or no list until `deadline`.
  absl::Status WaitUntilKnown(std::chrono::steady_clock::time_point deadline) const;

  // Whether a list has come, or none is needed.
  bool known() const;
  // The last list, sorted; empty before the first.
  std::vector<std::string> hosts() const;

  // Ends all waits, now and later, with a failure.
  void Close();

 private:
  const bool enabled_;
  const std::shared_ptr<Connection> connection_;
  mutable std::mutex mutex_;
  // Notified when `known_` or `closed_` becomes true, and when `hopeless_` becomes an error.
  mutable std::condition_variable changed_;
  bool known_ = false;              // under mutex_
  bool closed_ = false;             // under mutex_
  absl::Status hopeless_;           // under mutex_
  std::vector<std::string> hosts_;  // under mutex_
};

}  // namespace belfry::sidecar
