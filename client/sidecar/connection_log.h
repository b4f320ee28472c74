#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "absl/status/status.h"

namespace belfry::sidecar {

// Logs lost connections to schedulers. They are retried twice a second on several streams, so the
// same trouble with the same scheduler is logged once a minute only.
// Thread safety: all methods may be called from any thread.
class ConnectionLog {
 public:
  void Lost(const std::string& address, const absl::Status& status);

 private:
  struct Entry {
    std::string text;
    std::chrono::steady_clock::time_point logged;
  };

  std::mutex mutex_;
  // By address; as many as schedulers were ever told, and cleared when those become too many.
  std::map<std::string, Entry> last_;  // under mutex_
};

}  // namespace belfry::sidecar
