#include "client/sidecar/http1_app_transport.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

namespace belfry::sidecar {
namespace {

namespace asio = boost::asio;

// Runs one exchange and calls `done` when the connection is free again.
asio::awaitable<void> RunExchange(std::shared_ptr<AppConnection> connection, AppRequest request,
                                  absl::Duration timeout, AppTransport::Done done) {
  absl::StatusOr<int> status = co_await connection->Exchange(std::move(request), timeout);
  done(std::move(status));
}

}  // namespace

Http1AppTransport::Http1AppTransport(asio::any_io_executor executor, AppAddress address)
    : executor_(std::move(executor)), address_(std::move(address)), pool_(executor_, address_) {}

void Http1AppTransport::Exchange(Kind kind, AppRequest request, absl::Duration timeout, Done done) {
  if (kind == Kind::kProbe) {
    request.keep_alive(false);
    auto connection = std::make_shared<AppConnection>(executor_, address_);
    asio::co_spawn(connection->executor(),
                   RunExchange(connection, std::move(request), timeout, std::move(done)),
                   asio::detached);
    return;
  }
  auto connection = pool_.Take();
  {
    const std::lock_guard lock(mutex_);
    delivering_.insert(connection);
  }
  Done finished = [this, connection, done = std::move(done)](absl::StatusOr<int> status) mutable {
    {
      const std::lock_guard lock(mutex_);
      delivering_.erase(connection);
    }
    pool_.Return(std::move(connection));
    done(std::move(status));
  };
  asio::co_spawn(connection->executor(),
                 RunExchange(connection, std::move(request), timeout, std::move(finished)),
                 asio::detached);
}

void Http1AppTransport::CancelDeliveries() {
  const std::lock_guard lock(mutex_);
  for (const auto& connection : delivering_) AppConnection::Cancel(connection);
}

}  // namespace belfry::sidecar
