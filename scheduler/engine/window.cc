#include "scheduler/engine/window.h"

#include <algorithm>
#include <utility>

#include "scheduler/base/check.h"
#include "scheduler/base/limits.h"

namespace belfry {

void Window::Open(absl::Time mark) {
  CHECK(!open_);
  open_ = true;
  end_ = Position{mark, 0};
}

void Window::Close() {
  open_ = false;
  scan_pending_ = false;
  ++generation_;
  queue_.Clear();
  delayed_.Clear();
  delayed_times_ = {};
  delayed_positions_.clear();
}

void Window::Add(Position position, absl::Time now) {
  if (!open_) return;
  if (position < end_) {
    if (delayed_.size() < kMaxWindowEntries) {
      PutBack(position, now);
    } else {
      Queue(position);
    }
    return;
  }
  if (!scan_pending_) return;
  // The scan may or may not see the entry; queue it now so that it is not late, or cut the scan's
  // end to it so that the next scan finds it.
  if (queue_.size() < kMaxWindowEntries) {
    Queue(position);
  } else {
    scan_cap_ = std::min(scan_cap_, position);
  }
}

void Window::PutBack(Position position, absl::Time not_before) {
  if (!open_) return;
  if (not_before > position.time) {
    delayed_.Push({not_before, position.id});
    delayed_times_[position.id] = position.time;
    delayed_positions_.insert(position);
    return;
  }
  Queue(position);
}

void Window::EndPauses() {
  const auto positions = std::exchange(delayed_positions_, {});
  delayed_.Clear();
  delayed_times_ = {};
  for (const Position& position : positions) Queue(position);
}

void Window::Remove(uint64_t id) {
  queue_.Remove(id);
  if (!delayed_.Remove(id)) return;
  const auto it = delayed_times_.find(id);
  delayed_positions_.erase({it->second, id});
  delayed_times_.erase(it);
}

bool Window::DelayedFirst() const {
  if (delayed_.empty()) return false;
  const bool queued = !queue_.empty() && (queue_.front() < end_ || scan_pending_);
  return !queued || delayed_.front() < queue_.front();
}

std::optional<absl::Time> Window::FirstDue() const {
  if (DelayedFirst()) return delayed_.front().time;
  if (queue_.empty()) return std::nullopt;
  const Position& first = queue_.front();
  if (first >= end_ && !scan_pending_) return std::nullopt;
  return first.time;
}

size_t Window::CountDue(absl::Time now, size_t most) const {
  const size_t count = delayed_.CountUntil(now, most);
  return count + queue_.CountUntil(now, most - count);
}

Position Window::Pop() {
  if (!DelayedFirst()) return queue_.Pop();
  const uint64_t id = delayed_.front().id;
  const Position position{delayed_times_.at(id), id};
  Remove(id);
  return position;
}

std::optional<ScanRequest> Window::NextScan(uint32_t group_id) {
  if (!open_ || scan_pending_ || end_ == LastPosition()) return std::nullopt;
  const bool low = queue_.size() < kRefillBelow || queue_.front() >= end_;
  if (!low) return std::nullopt;
  scan_pending_ = true;
  scan_cap_ = LastPosition();
  return ScanRequest{group_id, generation_, end_, kScanEntries};
}

void Window::Fill(const ScanResult& result, const std::function<bool(uint64_t)>& known) {
  if (!open_ || result.generation != generation_) return;
  CHECK(scan_pending_);
  scan_pending_ = false;
  Position end = end_;
  if (result.reached_end) {
    end = LastPosition();
  } else if (!result.entries.empty()) {
    end = result.entries.back();
    ++end.id;  // ids never reach the largest number
  }
  end_ = std::min(end, scan_cap_);
  for (const Position& entry : result.entries) {
    if (entry >= end_) break;
    if (Contains(entry.id) || known(entry.id)) continue;
    queue_.Push(entry);
  }
  Shrink();
}

Position Window::Lowest() const {
  Position lowest = open_ ? end_ : FirstPosition();
  if (!queue_.empty()) lowest = std::min(lowest, queue_.front());
  if (!delayed_positions_.empty()) lowest = std::min(lowest, *delayed_positions_.begin());
  return lowest;
}

void Window::Queue(Position position) {
  queue_.Push(position);
  Shrink();
}

void Window::Shrink() {
  if (queue_.size() <= kMaxWindowEntries) return;
  // Halving makes the cost of shrinking constant per entry. While a scan is pending its result
  // must not move the end beyond what is given up here.
  for (const Position& entry : queue_.Truncate(kMaxWindowEntries / 2)) {
    end_ = std::min(end_, entry);
    scan_cap_ = std::min(scan_cap_, entry);
  }
}

}  // namespace belfry
