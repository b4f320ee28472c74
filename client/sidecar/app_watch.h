#pragma once

// Finds out when the app is there and whether it is healthy.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "client/sidecar/app_channel.h"
#include "client/sidecar/app_connection.h"
#include "client/sidecar/limits.h"

namespace belfry::sidecar {

struct AppWatchOptions {
  AppAddress address;
  absl::Duration poll_interval = kAppPortPollInterval;
  // Without probes the app counts as healthy once its port is open.
  bool probe_health = false;
  absl::Duration probe_interval = absl::Seconds(5);
  // Failures in a row that make the app unhealthy; one success makes it healthy.
  int threshold = 3;
};

// Waits for the app's port, introduces the sidecar to the app, then watches the app's health.
// The executor's context must be stopped before this object is destroyed.
// Thread safety: Start and Stop belong to the owner; callbacks come on the executor's threads, one
// at a time.
class AppWatch {
 public:
  // `on_connected` is called once, when the port is open; `on_healthy` whenever the health changes,
  // first with true (an app counts as unhealthy at first). `app` must outlive this object.
  AppWatch(boost::asio::any_io_executor executor, AppWatchOptions options, AppChannel& app,
           std::function<void()> on_connected, std::function<void(bool)> on_healthy);

  void Start();
  // No callbacks begin after this, except one that is just beginning.
  void Stop();

 private:
  boost::asio::awaitable<void> Run();
  boost::asio::awaitable<bool> WaitForPort();
  boost::asio::awaitable<void> WatchHealth();
  // False if stopped meanwhile.
  boost::asio::awaitable<bool> Sleep(absl::Duration duration);

  const boost::asio::any_io_executor executor_;  // a strand
  const AppWatchOptions options_;
  AppChannel& app_;
  const std::function<void()> on_connected_;
  const std::function<void(bool)> on_healthy_;
  boost::asio::steady_timer timer_;
  std::atomic<bool> stopped_{false};
};

}  // namespace belfry::sidecar
