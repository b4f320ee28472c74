#pragma once

// Mailbox: events on their way to the loop, in order of arrival, bounded in number and bytes.
// Thread safety: all methods may be called from any thread; Take and Wait belong to the loop.

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

  // Adds a request of about `bytes`. Unless it is accepted, `event` is left as it was.
  Result Submit(Event& event, size_t bytes) {
    MutexLock lock(&mutex_);
    if (closed_) return Result::kClosed;
    if (requests_ >= kMaxMailboxEvents || bytes_ + bytes > kMaxMailboxBytes) return Result::kFull;
    ++requests_;
    bytes_ += bytes;
    Add({std::move(event), bytes, true});
    return Result::kAccepted;
  }

  // Adds an event that always has room: its number is bounded by what the loop has handed out
  // (triggers, reads) or by connected streams. Dropped once the mailbox is closed.
  void SubmitReserved(Event event) {
    MutexLock lock(&mutex_);
    if (closed_) return;
    Add({std::move(event), 0, false});
  }

  // Takes the events of one turn, oldest first.
  std::vector<Event> Take() {
    std::vector<Event> events;
    size_t taken_bytes = 0;
    MutexLock lock(&mutex_);
    while (!entries_.empty() && events.size() < kMaxEventsPerTurn &&
           taken_bytes < kMaxBytesPerTurn) {
      Entry& entry = entries_.front();
      taken_bytes += entry.bytes;
      bytes_ -= entry.bytes;
      if (entry.is_request) --requests_;
      events.push_back(std::move(entry.event));
      entries_.pop_front();
    }
    return events;
  }

  // Returns once there is an event, the mailbox is closed, or `timeout` has passed.
  void Wait(absl::Duration timeout) {
    MutexLock lock(&mutex_);
    if (entries_.empty() && !closed_) arrived_.WaitFor(timeout);
  }

  // Refuses everything from now on; what is there can still be taken.
  void Close() {
    MutexLock lock(&mutex_);
    closed_ = true;
    arrived_.SignalAll();
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

  void Add(Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    entries_.push_back(std::move(entry));
    if (entries_.size() == 1) arrived_.Signal();
  }

  mutable Mutex mutex_;
  CondVar arrived_{&mutex_};  // signalled when the mailbox stops being empty, and when it closes
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  size_t requests_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace belfry
