#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <mutex>
#include <set>

#include "client/sidecar/app_connection.h"
#include "client/sidecar/app_transport.h"

namespace belfry::sidecar {

// HTTP/1.1, with or without TLS, on connections that are kept; a probe has one of its own.
// The executor's context must be stopped before this object is destroyed.
class Http1AppTransport : public AppTransport {
 public:
  Http1AppTransport(boost::asio::any_io_executor executor, AppAddress address);

  void Exchange(Kind kind, AppRequest request, absl::Duration timeout, Done done) override;
  void CancelDeliveries() override;

 private:
  const boost::asio::any_io_executor executor_;
  const AppAddress address_;
  AppConnectionPool pool_;
  std::mutex mutex_;
  std::set<std::shared_ptr<AppConnection>> delivering_;  // under mutex_
};

}  // namespace belfry::sidecar
