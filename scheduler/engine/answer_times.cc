#include "scheduler/engine/answer_times.h"

namespace belfry {

void AnswerTimes::Sent(WatcherId watcher, uint64_t trigger_id, absl::Duration now) {
  if (max_ == absl::ZeroDuration()) return;
  by_number_[++last_number_] = {watcher, trigger_id, now};
  numbers_[{watcher, trigger_id}] = last_number_;
}

void AnswerTimes::Forget(WatcherId watcher, uint64_t trigger_id) {
  const auto it = numbers_.find({watcher, trigger_id});
  if (it == numbers_.end()) return;
  by_number_.erase(it->second);
  numbers_.erase(it);
}

std::optional<AnswerTimes::Trigger> AnswerTimes::TakeOverdue(absl::Duration now) {
  if (by_number_.empty()) return std::nullopt;
  const Trigger oldest = by_number_.begin()->second;
  if (now - oldest.sent_at < max_) return std::nullopt;
  Forget(oldest.watcher, oldest.id);
  return oldest;
}

}  // namespace belfry
