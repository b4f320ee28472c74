#include "server/limit_metrics.h"

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "server/limits.h"

namespace belfry::server {
namespace {

prometheus::MetricFamily Family(const char* name, const char* help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

prometheus::ClientMetric Sample(const std::string& key) {
  prometheus::ClientMetric metric;
  metric.label.push_back({"concurrency_key", key});
  return metric;
}

}  // namespace

std::vector<prometheus::MetricFamily> CollectLimits(SchedulerLoop* loop) {
  const auto promise = std::make_shared<std::promise<std::vector<LimitState>>>();
  auto future = promise->get_future();
  loop->ReadLimits(
      [promise](std::vector<LimitState> states) { promise->set_value(std::move(states)); });
  if (future.wait_for(absl::ToChronoMilliseconds(kMaxLimitsWait)) != std::future_status::ready) {
    return {};
  }
  std::map<std::string, LimitState> by_label;
  for (const LimitState& state : future.get()) {
    const std::string& key = state.limit.concurrency_key;
    LimitState& sum = by_label[state.limit.target.name + (key.empty() ? "" : ":" + key)];
    sum.unanswered += state.unanswered;
    sum.pending += state.pending;
    sum.throttled += state.throttled;
  }
  if (by_label.empty()) return {};
  auto inflight =
      Family("dapr_scheduler_concurrency_inflight",
             "Unanswered triggers that a concurrency limit counts", prometheus::MetricType::Gauge);
  auto pending = Family("dapr_scheduler_concurrency_pending",
                        "Jobs in memory that are due and wait for a slot of a concurrency limit",
                        prometheus::MetricType::Gauge);
  auto throttled = Family("dapr_scheduler_concurrency_throttled_total",
                          "Jobs that had to wait for a slot of a concurrency limit",
                          prometheus::MetricType::Counter);
  for (const auto& [label, state] : by_label) {
    inflight.metric.push_back(Sample(label));
    inflight.metric.back().gauge.value = static_cast<double>(state.unanswered);
    pending.metric.push_back(Sample(label));
    pending.metric.back().gauge.value = static_cast<double>(state.pending);
    if (state.throttled == 0) continue;
    throttled.metric.push_back(Sample(label));
    throttled.metric.back().counter.value = static_cast<double>(state.throttled);
  }
  return {std::move(inflight), std::move(pending), std::move(throttled)};
}

}  // namespace belfry::server
