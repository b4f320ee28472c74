#include "client/sidecar/health.h"

namespace belfry::sidecar {

std::vector<std::string> Health::NotReady() const {
  std::vector<std::string> names;
  if (!outbound_ready() || !app_connected_) names.emplace_back("runtime");
  if (!hosts_.known()) names.emplace_back("scheduler-watch-hosts");
  return names;
}

}  // namespace belfry::sidecar
