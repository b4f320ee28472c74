#include "server/http_endpoints.h"

#include <utility>

#include "fmt/format.h"
#include "spdlog/spdlog.h"

namespace belfry::server {
namespace {

prometheus::MetricFamily Seconds(const char* name, const char* help, absl::Duration value) {
  prometheus::ClientMetric metric;
  metric.gauge.value = absl::ToDoubleSeconds(value);
  return {name, help, prometheus::MetricType::Gauge, {std::move(metric)}};
}

}  // namespace

bool Health::Live() const { return loop_->firing().since_turn < limits_.max_loop_stall; }

std::string Health::WhyNotReady() const {
  if (!serving_.load()) return "it does not serve";
  const Firing firing = loop_->firing();
  if (firing.since_turn >= limits_.max_loop_stall) {
    return fmt::format("the loop has not turned for {}", absl::FormatDuration(firing.since_turn));
  }
  if (firing.stuck >= limits_.max_dispatch_wait) {
    return fmt::format("jobs could be fired and nothing has gone on for {}",
                       absl::FormatDuration(firing.stuck));
  }
  return {};
}

bool Health::Ready() const {
  const std::string why_not = WhyNotReady();
  const bool ready = why_not.empty();
  if (!serving_.load() || told_ready_.exchange(ready) == ready) return ready;
  if (ready) {
    spdlog::info("ready again");
  } else {
    spdlog::error("not ready: {}", why_not);
  }
  return ready;
}

HttpReply AnswerHealth(const Health& health, std::string_view path) {
  if (path == "/livez") return HttpReply{health.Live() ? 200U : 503U, {}, {}};
  if (path != "/healthz" && path != "/readyz") return HttpReply{404, {}, {}};
  return HttpReply{health.Ready() ? 200U : 503U, {}, {}};
}

HttpReply AnswerMetrics(const ServerMetrics& metrics) {
  return HttpReply{200, "text/plain; version=0.0.4; charset=utf-8", metrics.Text()};
}

std::vector<prometheus::MetricFamily> FiringMetrics(const SchedulerLoop& loop) {
  const Firing firing = loop.firing();
  return {
      Seconds("belfry_scheduler_turn_age_seconds", "Time since the loop last finished a turn",
              firing.since_turn),
      Seconds("belfry_scheduler_stuck_seconds",
              "Time for which jobs could have been fired and nothing went on; health is derived"
              " from it",
              firing.stuck),
      Seconds("belfry_scheduler_backlog_seconds",
              "How late the oldest job is whose app is there and could take it", firing.backlog)};
}

}  // namespace belfry::server
