#pragma once

// Whether the sidecar is ready.

#include <atomic>
#include <string>
#include <vector>

#include "client/sidecar/scheduler_hosts.h"

namespace belfry::sidecar {

// Thread safety: all methods may be called from any thread.
class Health {
 public:
  // `hosts` must outlive this object.
  explicit Health(const SchedulerHosts& hosts) : hosts_(hosts) {}

  // The servers are up: calls to the API can be made.
  void SetServing() { serving_ = true; }
  // The app's port is open, or there is no app.
  void SetAppConnected() { app_connected_ = true; }
  // From now on the sidecar counts as not ready.
  void SetStopping() { stopping_ = true; }

  // Whether calls to the API can be made.
  bool outbound_ready() const { return serving_ && !stopping_; }

  // Names of what is not ready yet; empty means ready.
  std::vector<std::string> NotReady() const;

 private:
  const SchedulerHosts& hosts_;
  std::atomic<bool> serving_{false};
  std::atomic<bool> app_connected_{false};
  std::atomic<bool> stopping_{false};
};

}  // namespace belfry::sidecar
