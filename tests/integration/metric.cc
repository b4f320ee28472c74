#include "tests/integration/metric.h"

#include <cstdlib>

#include "tests/integration/http_client.h"

namespace belfry::integration {

double Metric(uint16_t metrics_port, const std::string& series) {
  const std::string text = "\n" + Http(metrics_port, "GET", "/metrics").body;
  const std::string line = "\n" + series + " ";
  const size_t at = text.find(line);
  return at == std::string::npos ? -1 : std::strtod(text.c_str() + at + line.size(), nullptr);
}

}  // namespace belfry::integration
