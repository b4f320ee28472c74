#pragma once

// HTTP connections to the app.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/sidecar/app_stream.h"

namespace belfry::sidecar {

// One connection, opened when it is needed.
// Thread safety: everything runs on the strand executor(), except Cancel.
class AppConnection {
 public:
  AppConnection(boost::asio::any_io_executor executor, AppAddress address)
      : stream_(std::move(executor), std::move(address)) {}

  boost::asio::any_io_executor executor() { return stream_.tcp().get_executor(); }

  // Sends a request and returns the status code of the response. If an idle connection turns out to
  // be closed before any byte of the response, the request is sent once more on a new one. Waits
  // for the head of the response for at most `timeout`, which may be infinite; then the body is
  // read and forgotten, or left behind with the connection if it is long in coming.
  boost::asio::awaitable<absl::StatusOr<int>> Exchange(AppRequest request, absl::Duration timeout);

  // Ends the exchange in progress, with Cancelled unless the app has answered. May be called from
  // any thread.
  static void Cancel(std::shared_ptr<AppConnection> connection);

  // Whether the connection is open, silent and may be used again. Only between exchanges.
  bool Reusable();

 private:
  struct Outcome {
    absl::StatusOr<int> status;
    bool retry = false;  // nothing was answered on a connection that was used before
  };
  boost::asio::awaitable<Outcome> Try(const AppRequest& request, absl::Duration timeout);
  boost::asio::awaitable<void> SkipBody();

  AppStream stream_;
  boost::beast::flat_buffer buffer_;
  bool used_ = false;                            // has carried a whole exchange
  bool reusable_ = false;                        // the last exchange left it in order
  bool busy_ = false;                            // in an exchange
  bool cancelled_ = false;                       // during this exchange
  std::unique_ptr<AppResponseParser> response_;  // being read
};

// Keeps idle connections.
// Thread safety: all methods may be called from any thread.
class AppConnectionPool {
 public:
  AppConnectionPool(boost::asio::any_io_executor executor, AppAddress address)
      : executor_(std::move(executor)), address_(std::move(address)) {}

  // An idle connection, or a new one.
  std::shared_ptr<AppConnection> Take();
  // Gives a connection back; it is kept if it is in order and there is room.
  void Return(std::shared_ptr<AppConnection> connection);

 private:
  struct Idle {
    std::shared_ptr<AppConnection> connection;
    std::chrono::steady_clock::time_point since;
  };

  const boost::asio::any_io_executor executor_;
  const AppAddress address_;
  std::mutex mutex_;
  std::vector<Idle> idle_;  // under mutex_; the longest idle first
};

}  // namespace belfry::sidecar
