#include "server/http_endpoints.h"

#include "server/limits.h"

namespace belfry::server {

bool Health::Ready() const { return serving_.load() && loop_->SinceLastTurn() < kMaxLoopStall; }

HttpReply AnswerHealth(const Health& health, std::string_view path) {
  if (path != "/healthz") return HttpReply{404, {}, {}};
  return HttpReply{health.Ready() ? 200U : 503U, {}, {}};
}

HttpReply AnswerMetrics(const ServerMetrics& metrics) {
  return HttpReply{200, "text/plain; version=0.0.4; charset=utf-8", metrics.Text()};
}

}  // namespace belfry::server
