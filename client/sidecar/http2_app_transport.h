#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <vector>

#include "client/sidecar/app_transport.h"
#include "client/sidecar/http2_app_connection.h"

namespace belfry::sidecar {

// HTTP/2 without TLS, known in advance to be spoken by the app. As many connections as the requests
// at work need; an app says how many each may carry.
// The executor's context must be stopped before this object is destroyed.
class Http2AppTransport : public AppTransport {
 public:
  Http2AppTransport(const boost::asio::any_io_executor& executor, AppAddress address);

  void Exchange(Kind kind, AppRequest request, absl::Duration timeout, Done done) override;
  void CancelDeliveries() override;

 private:
  void Send(std::unique_ptr<AppExchange> exchange);
  Http2AppConnection& PickConnection();

  const boost::asio::any_io_executor executor_;  // a strand, which everything below belongs to
  const AppAddress address_;
  std::vector<std::shared_ptr<Http2AppConnection>> connections_;
  std::size_t expected_streams_;  // on a new connection: as on the last one
};

}  // namespace belfry::sidecar
