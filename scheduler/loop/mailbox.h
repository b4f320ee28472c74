#pragma once

// Mailbox: events on their way to the loop, in order of arrival, bounded in number and bytes.
// Thread safety: all methods may be called from any thread; Take and Wait belong to the loop.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/base/limits.h"
#include "scheduler/base/mutex.h"
#include "scheduler/engine/events.h"

namespace belfry {

class Mailbox {
 public:
  enum class Result { kAccepted, kFull, kClosed };

  // Of the limits it needs those of the mailbox and of a turn.
  explicit Mailbox(const Limits& limits) : limits_(limits) {}

  // Adds a request of about `bytes`. Unless it is accepted, `event` is left as it was.
  Result Submit(Event& event, size_t bytes) {
    MutexLock lock(&mutex_);
    if (closed_) return Result::kClosed;
    if (requests_ >= limits_.max_mailbox_events || bytes_ + bytes > limits_.max_mailbox_bytes) {
      return Result::kFull;
    }
    ++requests_;
    bytes_ += bytes;
    Add({std::move(event), bytes, true}, /*urgent=*/true);
    return Result::kAccepted;
  }

  // Adds an event that always has room: its number is bounded by what the loop has handed out
  // (triggers, reads) or by connected streams. Dropped once the mailbox is closed.
  void SubmitReserved(Event event) {
    MutexLock lock(&mutex_);
    if (closed_) return;
    Add({std::move(event), 0, false}, /*urgent=*/true);
  }

  // As SubmitReserved, for an answer to a trigger: nobody is kept waiting if it is taken a little
  // later, together with others. Waking the loop for each would cost more than the answer itself.
  void SubmitAnswer(SettleEvent answer) {
    MutexLock lock(&mutex_);
    if (closed_) return;
    Add({std::move(answer), 0, false}, /*urgent=*/false);
  }

  // Takes the events of one turn, oldest first.
  std::vector<Event> Take() {
    std::vector<Event> events;
    size_t taken_bytes = 0;
    MutexLock lock(&mutex_);
    urgent_ = false;
    while (!entries_.empty() && events.size() < limits_.max_turn_events &&
           taken_bytes < limits_.max_turn_bytes) {
      Entry& entry = entries_.front();
      taken_bytes += entry.bytes;
      bytes_ -= entry.bytes;
      if (entry.is_request) --requests_;
      events.push_back(std::move(entry.event));
      entries_.pop_front();
    }
    urgent_ = !entries_.empty();
    return events;
  }

  // Returns once there is an event, the mailbox is closed, or `timeout` has passed. Few answers
  // alone count as an event only when `pace` has passed. May return early.
  void Wait(absl::Duration timeout, absl::Duration pace) {
    MutexLock lock(&mutex_);
    if (urgent_ || closed_) return;
    pace = std::min(pace, timeout);
    pacing_ = true;
    const bool woken = arrived_.WaitFor(pace);
    pacing_ = false;
    if (!woken && entries_.empty() && !closed_) arrived_.WaitFor(timeout - pace);
  }

  // Refuses everything from now on; what is there can still be taken.
  void Close() {
    MutexLock lock(&mutex_);
    closed_ = true;
    arrived_.SignalAll();
  }

  // Whether something waits that the loop should not pause before.
  bool urgent() const {
    MutexLock lock(&mutex_);
    return urgent_;
  }
  bool empty() const {
    MutexLock lock(&mutex_);
    return entries_.empty();
  }
  bool closed() const {
    MutexLock lock(&mutex_);
    return closed_;
  }

 private:
  struct Entry {
    Event event;
    size_t bytes;
    bool is_request;
  };

  void Add(Entry entry, bool urgent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    entries_.push_back(std::move(entry));
    urgent = urgent || entries_.size() >= kPacedAnswers;
    const bool first = entries_.size() == 1;
    if ((first && !pacing_) || (urgent && !urgent_)) arrived_.Signal();
    urgent_ = urgent_ || urgent;
  }

  const Limits limits_;

  mutable Mutex mutex_;
  CondVar arrived_{&mutex_};  // signalled when there is what the loop waits for; by Close
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  bool urgent_ ABSL_GUARDED_BY(mutex_) = false;  // more than a few answers wait
  bool pacing_ ABSL_GUARDED_BY(mutex_) = false;  // the loop waits, but not for a few answers
  size_t requests_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace belfry
