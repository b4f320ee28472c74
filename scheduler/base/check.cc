#include "scheduler/base/check.h"

#include <cstdlib>

#include "spdlog/spdlog.h"

namespace belfry {

CheckFailure::CheckFailure(const char* file, int line, const char* condition) {
  message_ << file << ":" << line << ": check failed: " << condition << " ";
}

CheckFailure::~CheckFailure() {
  spdlog::critical(message_.str());
  spdlog::shutdown();
  std::abort();
}

}  // namespace belfry
