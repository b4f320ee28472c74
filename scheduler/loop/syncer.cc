#include "scheduler/loop/syncer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "spdlog/fmt/fmt.h"

namespace belfry {

Syncer::Syncer(Store* store, Clock* clock, absl::Duration max_unsynced,
               std::function<void(absl::Status)> on_fatal)
    : store_(store), clock_(clock), max_unsynced_(max_unsynced), on_fatal_(std::move(on_fatal)) {}

Syncer::~Syncer() { Stop().IgnoreError(); }

void Syncer::Start() {
  thread_ = std::thread([this] { SyncThreadMain(); });
}

absl::Status Syncer::Stop() {
  {
    MutexLock lock(&mutex_);
    if (stopped_) return failure_;
    stopping_ = true;
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
  Sync(/*force=*/true);
  std::vector<Waiter> rest;
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    rest = std::exchange(waiters_, {});
    status = failure_;
  }
  for (Waiter& waiter : rest) waiter.done(absl::UnavailableError("the scheduler is stopping"));
  return status;
}

uint64_t Syncer::Announce() {
  MutexLock lock(&mutex_);
  return ++announced_;
}

void Syncer::Written() {
  MutexLock lock(&mutex_);
  written_ = announced_;
  const bool was_clean = !unsynced_since_.has_value();
  if (was_clean) unsynced_since_ = clock_->Monotonic();
  if (was_clean || !waiters_.empty()) changed_.Signal();
}

uint64_t Syncer::announced() const {
  MutexLock lock(&mutex_);
  return announced_;
}

void Syncer::WhenDurable(uint64_t sequence, Done done) {
  std::vector<Done> one;
  one.push_back(std::move(done));
  WhenDurable(sequence, std::move(one));
}

void Syncer::WhenDurable(uint64_t sequence, std::vector<Done> all) {
  if (all.empty()) return;
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    status = failure_;
    if (status.ok() && sequence > durable_) {
      if (!stopped_) {
        for (Done& done : all) waiters_.push_back({sequence, std::move(done)});
        changed_.Signal();
        return;
      }
      status = absl::UnavailableError("the scheduler is stopping");
    }
  }
  for (Done& done : all) done(status);
}

void Syncer::Fail(absl::Status status) {
  std::vector<Waiter> waiters;
  {
    MutexLock lock(&mutex_);
    if (failure_.ok()) failure_ = absl::UnavailableError(std::string(status.message()));
    waiters = std::exchange(waiters_, {});
    changed_.SignalAll();
  }
  for (Waiter& waiter : waiters) waiter.done(absl::UnavailableError("the store has failed"));
}

absl::Status Syncer::SyncNow() {
  Sync(/*force=*/true);
  MutexLock lock(&mutex_);
  return failure_;
}

bool Syncer::RunOnce() {
  {
    MutexLock lock(&mutex_);
    if (!SyncIsDue()) return false;
  }
  Sync(/*force=*/false);
  return true;
}

void Syncer::SyncThreadMain() {
  for (;;) {
    {
      MutexLock lock(&mutex_);
      while (!stopping_ && !SyncIsDue()) {
        const auto timeout = TimeToSync();
        if (timeout.has_value()) {
          changed_.WaitFor(*timeout);
        } else {
          changed_.Wait();
        }
      }
      if (stopping_) return;
    }
    Sync(/*force=*/false);
  }
}

bool Syncer::SyncIsDue() const {
  if (!failure_.ok() || !unsynced_since_.has_value()) return false;
  const auto timeout = TimeToSync();
  if (timeout.has_value() && *timeout <= absl::ZeroDuration()) return true;
  return std::any_of(waiters_.begin(), waiters_.end(),
                     [this](const Waiter& waiter)
                         ABSL_NO_THREAD_SAFETY_ANALYSIS { return waiter.sequence <= written_; });
}

std::optional<absl::Duration> Syncer::TimeToSync() const {
  if (!failure_.ok() || !unsynced_since_.has_value()) return std::nullopt;
  return *unsynced_since_ + max_unsynced_ - clock_->Monotonic();
}

void Syncer::Sync(bool force) {
  uint64_t target = 0;
  {
    MutexLock lock(&mutex_);
    if (!failure_.ok() || (!force && !unsynced_since_.has_value())) return;
    target = written_;
    unsynced_since_ = std::nullopt;
  }
  const absl::Status status = store_->Sync();
  if (!status.ok()) {
    Fail(status);
    on_fatal_(status);
    return;
  }
  std::vector<Waiter> waiters;
  {
    MutexLock lock(&mutex_);
    // Another sync may have covered more meanwhile.
    durable_ = std::max(durable_, target);
    // Those too who came while the sync was running and wait for no more than it covers: nothing
    // else may ever ask for another sync.
    const auto ready =
        std::stable_partition(waiters_.begin(), waiters_.end(),
                              [target](const Waiter& waiter) { return waiter.sequence > target; });
    std::move(ready, waiters_.end(), std::back_inserter(waiters));
    waiters_.erase(ready, waiters_.end());
  }
  for (Waiter& waiter : waiters) waiter.done(absl::OkStatus());
}

}  // namespace belfry
