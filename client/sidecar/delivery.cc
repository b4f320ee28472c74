#include "client/sidecar/delivery.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace belfry::sidecar {
namespace {

using dapr::proto::scheduler::v1::WatchJobsResponse;

void LogReply(const std::string& name, const AppReply& reply) {
  switch (reply.answer) {
    case AppAnswer::kDone:
      spdlog::debug("job delivered name={} answer=\"{}\"", name, reply.detail);
      return;
    case AppAnswer::kDropped:
      spdlog::error("the app does not know the job, its trigger is dropped name={} answer=\"{}\"",
                    name, reply.detail);
      return;
    case AppAnswer::kRefused:
      spdlog::warn("the app failed at a job name={} answer=\"{}\"", name, reply.detail);
      return;
    case AppAnswer::kCancelled:
      spdlog::info("delivery cancelled, the job will be delivered again name={} {}", name,
                   reply.detail);
      return;
    case AppAnswer::kUnreachable:
      spdlog::warn("job not delivered name={} error=\"{}\"", name, reply.detail);
      return;
  }
}

TriggerResult ResultFor(AppAnswer answer) {
  const bool settled = answer == AppAnswer::kDone || answer == AppAnswer::kDropped;
  return settled ? TriggerResult::kSuccess : TriggerResult::kFailed;
}

}  // namespace

void Delivery::Handle(WatchJobsResponse trigger, Worker::Done done) {
  if (!trigger.metadata().target().has_job()) {
    spdlog::error("received a trigger that is not for an app name={}", trigger.name());
    return done(TriggerResult::kFailed);
  }
  if (app_ == nullptr) {
    spdlog::error("received job, but app channel not initialized name={}", trigger.name());
    return done(TriggerResult::kFailed);
  }
  if (!Begin()) return;
  JobEvent event;
  event.name = trigger.name();
  if (trigger.has_data()) event.data = std::move(*trigger.mutable_data());
  const auto start = std::chrono::steady_clock::now();
  app_->Deliver(std::move(event), [this, start, name = trigger.name(),
                                   done = std::move(done)](const AppReply& reply) mutable {
    metrics_.Record(reply.answer, absl::FromChrono(std::chrono::steady_clock::now() - start));
    LogReply(name, reply);
    // Deliveries are cancelled together with the streams. Unanswered, the trigger comes again and
    // costs the job no retry.
    if (reply.answer != AppAnswer::kCancelled) done(ResultFor(reply.answer));
    End();
  });
}

bool Delivery::Begin() {
  const std::lock_guard lock(mutex_);
  if (draining_) return false;
  ++in_progress_;
  return true;
}

void Delivery::End() {
  const std::lock_guard lock(mutex_);
  if (--in_progress_ == 0) idle_.notify_all();
}

bool Delivery::Drain(absl::Duration timeout) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  return idle_.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                        [this] { return in_progress_ == 0; });
}

}  // namespace belfry::sidecar
