#include "client/sidecar/config_limits.h"

#include <fmt/format.h>

#include "client/sidecar/config_values.h"

namespace belfry::sidecar {
namespace {

constexpr int kMaxCount = 1'000'000;

std::string ReadCount(std::string_view flag, int given, int* count) {
  if (given < 1 || given > kMaxCount) {
    return fmt::format("--{} {}: must be 1 to {}", flag, given, kMaxCount);
  }
  *count = given;
  return "";
}

// An empty text leaves the default.
std::string ReadTime(std::string_view flag, const std::string& text, absl::Duration* time) {
  if (text.empty()) return "";
  absl::Duration given;
  if (!absl::ParseDuration(text, &given) || given <= absl::ZeroDuration()) {
    return fmt::format("--{} \"{}\": not a duration above 0, such as 90s", flag, text);
  }
  *time = given;
  return "";
}

// An empty text leaves the default.
std::string ReadBytes(std::string_view flag, const std::string& text, std::size_t* bytes) {
  if (text.empty()) return "";
  const auto given = ParseByteQuantity(text);
  if (!given) {
    return fmt::format("--{} \"{}\": not a size from 1 byte to 1Gi, such as 256Mi", flag, text);
  }
  *bytes = *given;
  return "";
}

}  // namespace

std::string CheckLimits(const RawFlags& raw, Config* config) {
  ServerLimits& limits = config->limits;
  for (const auto& error : {
           ReadCount("http-max-connections", raw.http_max_connections, &limits.max_connections),
           ReadCount("http2-max-streams", raw.http2_max_streams, &limits.max_streams),
           ReadCount("max-scheduler-calls", raw.max_scheduler_calls, &limits.max_scheduler_calls),
           ReadBytes("max-call-memory", raw.max_call_memory, &limits.max_call_bytes),
           ReadTime("http-header-timeout", raw.http_header_timeout, &limits.header_timeout),
           ReadTime("http-body-timeout", raw.http_body_timeout, &limits.body_timeout),
           ReadTime("http-write-timeout", raw.http_write_timeout, &limits.write_timeout),
           ReadTime("http-idle-timeout", raw.http_idle_timeout, &limits.idle_timeout),
           ReadTime("app-request-timeout", raw.app_request_timeout, &config->app_request_timeout),
       }) {
    if (!error.empty()) return error;
  }
  return "";
}

}  // namespace belfry::sidecar
