#include "scheduler/engine/concurrency_limits.h"

#include <algorithm>
#include <tuple>

#include "scheduler/base/check.h"

namespace belfry {

void ConcurrencyLimits::Declare(WatcherId id, const std::vector<Limit>& limits) {
  if (limits.empty()) return;
  auto& declared = declared_[id];
  CHECK(declared.empty()) << "watcher " << id << " declared its limits twice";
  for (const Limit& limit : limits) {
    CHECK(limit.max_concurrent > 0) << "limit of target " << limit.target_id;
    Value& value = targets_[limit.target_id][limit.concurrency_key];
    value.max_concurrent = limit.max_concurrent;
    ++value.watchers;
    declared.emplace_back(limit.target_id, limit.concurrency_key);
  }
}

std::vector<uint32_t> ConcurrencyLimits::Withdraw(WatcherId id) {
  auto node = declared_.extract(id);
  if (node.empty()) return {};
  std::vector<uint32_t> targets;
  for (const auto& [target_id, key] : node.mapped()) {
    targets.push_back(target_id);
    ByKey& by_key = targets_.at(target_id);
    const auto value = by_key.find(key);
    if (--value->second.watchers > 0) continue;
    by_key.erase(value);
    if (by_key.empty()) targets_.erase(target_id);
  }
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  return targets;
}

std::optional<size_t> ConcurrencyLimits::Of(uint32_t target_id,
                                            const std::string& concurrency_key) const {
  const auto target = targets_.find(target_id);
  if (target == targets_.end()) return std::nullopt;
  const auto value = target->second.find(concurrency_key);
  if (value == target->second.end()) return std::nullopt;
  return value->second.max_concurrent;
}

void ConcurrencyLimits::CountThrottled(uint32_t target_id, const std::string& concurrency_key) {
  const auto target = targets_.find(target_id);
  if (target == targets_.end()) return;
  const auto value = target->second.find(concurrency_key);
  if (value != target->second.end()) ++value->second.throttled;
}

std::vector<ConcurrencyLimits::Throttled> ConcurrencyLimits::All() const {
  std::vector<Throttled> all;
  for (const auto& [target_id, by_key] : targets_) {
    for (const auto& [key, value] : by_key) {
      all.push_back({{target_id, key, value.max_concurrent}, value.throttled});
    }
  }
  std::sort(all.begin(), all.end(), [](const Throttled& a, const Throttled& b) {
    return std::tie(a.limit.target_id, a.limit.concurrency_key) <
           std::tie(b.limit.target_id, b.limit.concurrency_key);
  });
  return all;
}

}  // namespace belfry
