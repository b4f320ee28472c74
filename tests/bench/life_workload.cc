// Workload life: schedule, trigger, answer.

#include <algorithm>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "fmt/format.h"
#include "tests/bench/clock.h"
#include "tests/bench/deliveries.h"
#include "tests/bench/schedule_load.h"
#include "tests/bench/session.h"
#include "tests/bench/workloads.h"

namespace belfry::bench {
namespace {

constexpr uint64_t kMaxJobs = 5'000'000;
// After the last life was begun, all must be over within this time if the rate was sustained.
constexpr double kBacklogSeconds = 2;

// Keeps a number of lives under way. A life is over when its call has ended and its trigger has
// come; as both are only counted, the smaller count says how many.
class ClosedLives {
 public:
  ClosedLives(Session* session, const Options& options)
      : delay_us_(SecondsToNs(options.delay_s) / kNsPerUs),
        calls_(&session->connections(), &session->maker(),
               [this](const CallResult& call) { OnCall(call); }) {}

  void Begin(int in_flight, int64_t duration_ns) {
    int64_t began = MonotonicNs();
    {
      MutexLock lock(&mutex_);
      in_flight_ = static_cast<uint64_t>(in_flight);
      stop_at_ns_ = began + duration_ns;
    }
    StartMore();
  }

  void OnTrigger() {
    {
      MutexLock lock(&mutex_);
      ++triggered_;
    }
    StartMore();
  }

  bool Drain(int64_t timeout_ns) { return calls_.Drain(timeout_ns); }

  uint64_t started() const {
    MutexLock lock(&mutex_);
    return started_;
  }
  ScheduleLoad::Result result() const {
    MutexLock lock(&mutex_);
    return result_;
  }

 private:
  void OnCall(const CallResult& call) {
    {
      MutexLock lock(&mutex_);
      if (call.status->ok()) {
        ++result_.ok;
      } else {
        if (result_.errors++ == 0) result_.first_error = call.status->error_message();
        ++triggered_;  // it never will be
      }
      ++ended_;
      result_.latency.Record(call.ended_ns - call.intended_ns);
    }
    StartMore();
  }

  void StartMore() {
    for (;;) {
      uint64_t job = 0;
      {
        MutexLock lock(&mutex_);
        const uint64_t over = std::min(ended_, triggered_);
        if (started_ - over >= in_flight_ || MonotonicNs() >= stop_at_ns_) return;
        if (started_ == kMaxJobs) return;
        job = started_++;
      }
      const int64_t due_us = delay_us_ == 0 ? 0 : WallNs() / kNsPerUs + delay_us_;
      calls_.Start({job, due_us}, 0, MonotonicNs());
    }
  }

  const int64_t delay_us_;
  mutable Mutex mutex_;
  uint64_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t stop_at_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t started_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t triggered_ ABSL_GUARDED_BY(mutex_) = 0;
  ScheduleLoad::Result result_ ABSL_GUARDED_BY(mutex_);
  ScheduleCalls calls_;
};

// Fills the line; `began` is when the first life began, `begun` how many there were.
void Report(Session* run, const DeliveryCounts& counts, const ScheduleLoad::Result& calls,
            uint64_t begun, int64_t began, int64_t last_begun) {
  boost::json::object& line = run->line();
  const auto seconds = [](int64_t ns) {
    return static_cast<double>(ns) / static_cast<double>(kNsPerSecond);
  };
  const double backlog_s = std::max(0.0, seconds(counts.last_ns - last_begun));
  line["begun"] = begun;
  line["received"] = counts.received;
  line["duplicates"] = counts.duplicates;
  line["early"] = counts.early;
  line["errors"] = calls.errors + (begun - std::min(begun, counts.received)) +
                   (run->StreamError().ok() ? 0U : 1U);
  line["per_s"] = static_cast<double>(counts.received) / seconds(counts.last_ns - began);
  // How long after the last life was begun the last one was over.
  line["backlog_s"] = backlog_s;
  line["sustained"] = backlog_s <= kBacklogSeconds + run->options().delay_s;
  line["lateness_ms"] = ToMilliseconds(counts.lateness);
  ReportCalls(calls, "schedule", &line);
}

absl::StatusOr<boost::json::object> RunClosedLife(Session* run, const Options& options) {
  Deliveries deliveries(&run->maker(), kMaxJobs, 0);
  ClosedLives lives(run, options);
  if (absl::Status status = run->Watch(run->maker().app_id(),
                                       [&](const auto& trigger) {
                                         deliveries.Record(trigger.name());
                                         lives.OnTrigger();
                                       });
      !status.ok()) {
    return status;
  }
  run->BeginMeter();
  const int64_t began = MonotonicNs();
  const int64_t duration = SecondsToNs(options.duration_s);
  lives.Begin(options.in_flight, duration);
  SleepUntil(began + duration);
  const int64_t timeout = SecondsToNs(options.timeout_s);
  if (lives.Drain(timeout)) Progress("calls did not end in time and were cancelled");
  deliveries.WaitFor(lives.result().ok, timeout);
  run->WaitForAnswers(timeout);
  run->EndMeter();
  run->line()["in_flight"] = options.in_flight;
  Report(run, deliveries.counts(), lives.result(), lives.started(), began, began + duration);
  run->StopWatching();
  return run->line();
}

absl::StatusOr<boost::json::object> RunOpenLife(Session* run, const Options& options) {
  const auto jobs = static_cast<uint64_t>(options.rate * options.duration_s);
  Deliveries deliveries(&run->maker(), jobs, 0);
  if (absl::Status status = run->Watch(
          run->maker().app_id(), [&](const auto& trigger) { deliveries.Record(trigger.name()); });
      !status.ok()) {
    return status;
  }
  const int64_t delay_us = SecondsToNs(options.delay_s) / kNsPerUs;
  ScheduleLoad load(
      run, [delay_us](uint64_t) { return delay_us == 0 ? 0 : WallNs() / kNsPerUs + delay_us; });
  run->BeginMeter();
  const int64_t began = MonotonicNs();
  const int64_t duration = SecondsToNs(options.duration_s);
  const std::atomic<bool> never{false};
  const ScheduleLoad::Result calls = load.RunOpen(0, options.rate, duration, never);
  const int64_t timeout = SecondsToNs(options.timeout_s);
  deliveries.WaitFor(calls.ok, timeout);
  run->WaitForAnswers(timeout);
  run->EndMeter();
  run->line()["rate_wanted"] = options.rate;
  Report(run, deliveries.counts(), calls, calls.ok + calls.errors, began, began + duration);
  run->StopWatching();
  return run->line();
}

}  // namespace

absl::StatusOr<boost::json::object> RunLife(const Options& options) {
  auto session = Session::Open(options, "life");
  if (!session.ok()) return session.status();
  return options.rate > 0 ? RunOpenLife(session->get(), options)
                          : RunClosedLife(session->get(), options);
}

}  // namespace belfry::bench
