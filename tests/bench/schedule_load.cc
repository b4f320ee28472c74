#include "tests/bench/schedule_load.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "fmt/format.h"
#include "tests/bench/clock.h"

namespace belfry::bench {
namespace {

constexpr int64_t kGrid = kNsPerMs;
constexpr uint64_t kProgressEvery = 500000;

}  // namespace

uint64_t RunOpenLoop(double rate, int64_t duration_ns, const std::atomic<bool>& stop,
                     const std::function<void(uint64_t, int64_t)>& send) {
  const int64_t began = MonotonicNs();
  uint64_t sent = 0;
  for (int64_t at = 0; at < duration_ns && !stop.load(); at += kGrid) {
    SleepUntil(began + at);
    const auto wanted = static_cast<uint64_t>(
        std::floor(rate * static_cast<double>(at + kGrid) / static_cast<double>(kNsPerSecond)));
    for (; sent < wanted; ++sent) send(sent, began + at);
  }
  return sent;
}

ScheduleLoad::ScheduleLoad(Session* session, DueOf due_of, int64_t period_us)
    : session_(session),
      due_of_(std::move(due_of)),
      period_us_(period_us),
      calls_(&session->connections(), &session->maker(),
             [this](const CallResult& result) { Ended(result); }) {}

ScheduleLoad::Result ScheduleLoad::RunClosed(uint64_t first, uint64_t jobs, int in_flight,
                                             int64_t duration_ns) {
  const int64_t began = MonotonicNs();
  closed_loop_ = true;
  counted_ = jobs != 0;
  next_ = first;
  end_ = jobs == 0 ? UINT64_MAX : first + jobs;
  stop_at_ns_ = jobs == 0 ? began + duration_ns : INT64_MAX;
  for (int i = 0; i < in_flight; ++i) StartNext();
  if (jobs == 0) SleepUntil(began + duration_ns);
  return Finish(began);
}

ScheduleLoad::Result ScheduleLoad::RunOpen(uint64_t first, double rate, int64_t duration_ns,
                                           const std::atomic<bool>& stop) {
  const int64_t began = MonotonicNs();
  closed_loop_ = false;
  counted_ = false;
  RunOpenLoop(rate, duration_ns, stop, [&](uint64_t number, int64_t intended_ns) {
    const uint64_t job = first + number;
    calls_.Start({job, due_of_(job)}, period_us_, intended_ns);
  });
  return Finish(began);
}

void ScheduleLoad::StartNext() {
  const int64_t now = MonotonicNs();
  if (now >= stop_at_ns_.load()) return;
  const uint64_t job = next_.fetch_add(1);
  if (job >= end_.load()) return;
  if (job % kProgressEvery == kProgressEvery - 1) Progress(fmt::format("{} jobs", job + 1));
  calls_.Start({job, due_of_(job)}, period_us_, now);
}

bool ScheduleLoad::TryAgain(const CallResult& call) {
  return counted_.load() && call.status->error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
}

void ScheduleLoad::Ended(const CallResult& call) {
  if (TryAgain(call)) {
    {
      MutexLock lock(&mutex_);
      ++result_.refused;
    }
    calls_.Start(call.tag, period_us_, call.intended_ns);
    return;
  }
  {
    MutexLock lock(&mutex_);
    last_ended_ns_ = std::max(last_ended_ns_, call.ended_ns);
    if (call.status->ok()) {
      ++result_.ok;
    } else if (result_.errors++ == 0) {
      result_.first_error = call.status->error_message();
    }
    result_.latency.Record(call.ended_ns - call.intended_ns);
  }
  if (closed_loop_.load()) StartNext();
}

void ScheduleLoad::WaitForAllStarted() {
  const int64_t timeout = SecondsToNs(session_->options().timeout_s);
  uint64_t seen = next_.load();
  int64_t progress_at = MonotonicNs();
  while (next_.load() < end_.load()) {
    SleepFor(kNsPerMs);
    const int64_t now = MonotonicNs();
    if (next_.load() != seen) {
      seen = next_.load();
      progress_at = now;
    }
    if (now - progress_at <= timeout) continue;
    counted_ = false;  // what is refused from now on is not tried again
    return;
  }
}

ScheduleLoad::Result ScheduleLoad::Finish(int64_t began_ns) {
  if (counted_.load()) WaitForAllStarted();
  stop_at_ns_ = 0;
  const int64_t timeout = SecondsToNs(session_->options().timeout_s);
  if (calls_.Drain(timeout)) Progress("calls did not end in time and were cancelled");
  MutexLock lock(&mutex_);
  result_.seconds =
      static_cast<double>(last_ended_ns_ - began_ns) / static_cast<double>(kNsPerSecond);
  last_ended_ns_ = 0;
  return std::exchange(result_, {});
}

void ReportCalls(const ScheduleLoad::Result& result, const std::string& name,
                 boost::json::object* line) {
  boost::json::object calls;
  calls["ok"] = result.ok;
  calls["errors"] = result.errors;
  calls["refused"] = result.refused;
  if (result.errors > 0) calls["first_error"] = result.first_error;
  calls["per_s"] = result.rate();
  calls["latency_ms"] = ToMilliseconds(result.latency);
  (*line)[name] = std::move(calls);
}

}  // namespace belfry::bench
