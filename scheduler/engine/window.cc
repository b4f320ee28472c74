#include "scheduler/engine/window.h"

#include <algorithm>

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
  delayed_ = {};
}

void Window::Add(Position position) {
  if (!open_) return;
  if (position < end_) {
    Queue(position);
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
    delayed_[position.id] = {position.time, not_before};
    Queue({not_before, position.id});
    return;
  }
  Queue(position);
}

void Window::Remove(uint64_t id) {
  queue_.Remove(id);
  delayed_.erase(id);
}

std::optional<absl::Time> Window::FirstDue() const {
  if (queue_.empty()) return std::nullopt;
  const Position& first = queue_.front();
  if (first >= end_ && !delayed_.contains(first.id) && !scan_pending_) return std::nullopt;
  return first.time;
}

Position Window::Pop() {
  const Position first = IndexPosition(queue_.Pop());
  delayed_.erase(first.id);
  return first;
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
    if (queue_.Contains(entry.id) || known(entry.id)) continue;
    queue_.Push(entry);
  }
  Shrink();
}

Position Window::Lowest() const {
  Position lowest = open_ ? end_ : FirstPosition();
  if (!queue_.empty()) lowest = std::min(lowest, IndexPosition(queue_.front()));
  for (const auto& [id, delayed] : delayed_) {
    lowest = std::min(lowest, Position{delayed.due, id});
  }
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
  for (const Position& removed : queue_.Truncate(kMaxWindowEntries / 2)) {
    const Position entry = IndexPosition(removed);
    delayed_.erase(entry.id);
    end_ = std::min(end_, entry);
    scan_cap_ = std::min(scan_cap_, entry);
  }
}

Position Window::IndexPosition(Position queued) const {
  const auto it = delayed_.find(queued.id);
  return it == delayed_.end() ? queued : Position{it->second.due, queued.id};
}

}  // namespace belfry
