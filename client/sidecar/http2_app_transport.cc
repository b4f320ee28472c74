#include "client/sidecar/http2_app_transport.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <utility>

#include "client/sidecar/limits.h"

namespace belfry::sidecar {

namespace asio = boost::asio;

Http2AppTransport::Http2AppTransport(const asio::any_io_executor& executor, AppAddress address)
    : executor_(asio::make_strand(executor)),
      address_(std::move(address)),
      expected_streams_(kMaxHttp2Streams) {}

void Http2AppTransport::Exchange(Kind kind, AppRequest request, absl::Duration timeout, Done done) {
  auto exchange = std::make_unique<AppExchange>(
      AppExchange{kind, std::move(request), timeout, std::move(done)});
  asio::post(executor_,
             [this, exchange = std::move(exchange)]() mutable { Send(std::move(exchange)); });
}

void Http2AppTransport::CancelDeliveries() {
  asio::post(executor_, [this] {
    for (const auto& connection : connections_) connection->CancelDeliveries();
  });
}

void Http2AppTransport::Send(std::unique_ptr<AppExchange> exchange) {
  PickConnection().Send(std::move(exchange));
}

Http2AppConnection& Http2AppTransport::PickConnection() {
  std::erase_if(connections_, [](const auto& connection) { return connection->has_ended(); });
  Http2AppConnection* usable = nullptr;
  for (const auto& connection : connections_) {
    if (connection->HasRoom()) return *connection;
    if (connection->IsUsable()) usable = connection.get();
    expected_streams_ = std::max<std::size_t>(connection->MaxStreams(), 1);
  }
  // The library keeps what is above an app's limit until there is room.
  if (usable != nullptr && connections_.size() >= kMaxHttp2AppConnections) return *usable;
  const auto give_back = [this](std::unique_ptr<AppExchange> exchange) {
    asio::post(executor_,
               [this, exchange = std::move(exchange)]() mutable { Send(std::move(exchange)); });
  };
  connections_.push_back(
      std::make_shared<Http2AppConnection>(executor_, address_, expected_streams_, give_back));
  connections_.back()->Start();
  return *connections_.back();
}

}  // namespace belfry::sidecar
