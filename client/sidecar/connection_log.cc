#include "client/sidecar/connection_log.h"

#include <spdlog/spdlog.h>

namespace belfry::sidecar {
namespace {

constexpr std::chrono::minutes kRepeatAfter(1);
constexpr std::size_t kMaxEntries = 1000;

}  // namespace

void ConnectionLog::Lost(const std::string& address, const absl::Status& status) {
  const auto now = std::chrono::steady_clock::now();
  const std::string text = status.ToString();
  {
    const std::lock_guard lock(mutex_);
    if (last_.size() >= kMaxEntries) last_.clear();
    const auto [entry, is_new] = last_.try_emplace(address);
    if (!is_new && entry->second.text == text && now - entry->second.logged < kRepeatAfter) return;
    entry->second = {text, now};
  }
  spdlog::warn("connection to a scheduler lost or not made, retrying address={} error=\"{}\"",
               address, text);
}

}  // namespace belfry::sidecar
