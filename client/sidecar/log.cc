#include "client/sidecar/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string_view>

#include "absl/time/time.h"
#include "client/sidecar/json_text.h"

namespace belfry::sidecar {
namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kFatal:
      return spdlog::level::critical;
  }
  return spdlog::level::info;
}

// One JSON object a line.
class JsonFormatter : public spdlog::formatter {
 public:
  explicit JsonFormatter(std::string app_id) : app_id_(std::move(app_id)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    std::string out = "{\"app_id\":";
    AppendGoJsonString(&out, app_id_);
    const auto level = spdlog::level::to_string_view(message.level);
    out.append(",\"level\":");
    AppendGoJsonString(&out, std::string_view(level.data(), level.size()));
    out.append(",\"msg\":");
    AppendGoJsonString(&out, std::string_view(message.payload.data(), message.payload.size()));
    out.append(",\"time\":");
    AppendGoJsonString(&out, absl::FormatTime("%Y-%m-%d%ET%H:%M:%E6SZ",
                                              absl::FromChrono(message.time), absl::UTCTimeZone()));
    out.append("}\n");
    line.append(out.data(), out.data() + out.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>(app_id_);
  }

 private:
  const std::string app_id_;
};

}  // namespace

void SetUpLogging(LogLevel level, bool as_json, const std::string& app_id) {
  auto logger = spdlog::stdout_logger_mt("belfry-sidecar");
  if (as_json) {
    logger->set_formatter(std::make_unique<JsonFormatter>(app_id));
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%f%z %l %v");
  }
  logger->set_level(ToSpdlog(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace belfry::sidecar
