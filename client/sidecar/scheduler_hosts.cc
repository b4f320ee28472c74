#include "client/sidecar/scheduler_hosts.h"

#include <algorithm>

#include "client/sidecar/errors.h"

namespace belfry::sidecar {

void SchedulerHosts::Update(const std::vector<std::string>& hosts) {
  connection_->SetAddresses(hosts);
  const std::lock_guard lock(mutex_);
  known_ = true;
  hopeless_ = absl::OkStatus();
  hosts_ = hosts;
  std::sort(hosts_.begin(), hosts_.end());
  changed_.notify_all();
}

void SchedulerHosts::SetHopeless(const absl::Status& status) {
  const std::lock_guard lock(mutex_);
  hopeless_ = status;
  changed_.notify_all();
}

absl::Status SchedulerHosts::WaitUntilKnown(std::chrono::steady_clock::time_point deadline) const {
  if (!enabled_) return LocalFailure("scheduler clients are disabled");
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return known_ || closed_ || !hopeless_.ok(); });
  if (closed_) return LocalFailure("the sidecar is shutting down");
  if (!known_ && !hopeless_.ok()) return hopeless_;
  if (!known_) return LocalFailure("context deadline exceeded");
  if (hosts_.empty()) return LocalFailure("no scheduler client initialized");
  return absl::OkStatus();
}

bool SchedulerHosts::known() const {
  const std::lock_guard lock(mutex_);
  return !enabled_ || known_;
}

std::vector<std::string> SchedulerHosts::hosts() const {
  const std::lock_guard lock(mutex_);
  return hosts_;
}

void SchedulerHosts::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace belfry::sidecar
