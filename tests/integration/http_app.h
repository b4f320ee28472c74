#pragma once

// HttpApp: an app in this process that receives jobs over HTTP on 127.0.0.1, records them and
// answers as the test says.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "tests/integration/eventually.h"

namespace belfry::integration {

// What an app got, and when.
struct AppRequest {
  std::string method;
  std::string target;                          // as it came
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  absl::Time arrived;
};

struct AppReply {
  int status = 200;
  std::chrono::milliseconds delay{0};
};

// Thread safety: all methods may be called from any thread.
class HttpApp {
 public:
  // Decides on the answer to a job. Called on the app's thread, which it must not block.
  using Script = std::function<AppReply(const AppRequest&)>;

  // Listens on `port`, or on any free one. Without a script every job is answered with 200.
  explicit HttpApp(uint16_t port = 0, Script script = {});
  // Closes the listener and all connections.
  ~HttpApp();
  HttpApp(const HttpApp&) = delete;
  HttpApp& operator=(const HttpApp&) = delete;

  uint16_t port() const { return port_; }

  // What GET /healthz is answered with: 200, or 500.
  void SetHealthy(bool healthy) { healthy_ = healthy; }

  // Requests for jobs, in order of arrival; others, but for health, are answered with 404 and not
  // recorded.
  std::vector<AppRequest> jobs() const;
  // Those for one job, by the path that it has.
  std::vector<AppRequest> jobs(const std::string& target) const;
  size_t job_count() const;
  // Whether so many jobs, at least, have come before the limit of all waits.
  bool WaitForJobs(size_t count) const;

 private:
  class Server;

  AppReply Handle(AppRequest request);

  const Script script_;
  uint16_t port_ = 0;
  std::atomic<bool> healthy_{true};

  mutable std::mutex mutex_;
  std::vector<AppRequest> jobs_;  // guarded by mutex_

  std::unique_ptr<Server> server_;
};

}  // namespace belfry::integration
