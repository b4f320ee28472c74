#include "tests/bench/connections.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "fmt/format.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace belfry::bench {
namespace {

constexpr std::chrono::seconds kConnectTimeout{10};

absl::Status Connect(const std::string& target, Poller* poller, Connection* connection) {
  grpc::ChannelArguments arguments;
  // Otherwise channels to one address share one TCP connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  const auto channel =
      grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + kConnectTimeout)) {
    return absl::UnavailableError(
        fmt::format("no connection to \"{}\" within {} s", target, kConnectTimeout.count()));
  }
  connection->stub = dapr::proto::scheduler::v1::Scheduler::NewStub(channel);
  connection->poller = poller;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connections>> Connections::Open(const Options& options) {
  std::unique_ptr<Connections> connections(new Connections());
  for (int i = 0; i < std::max(options.threads, 1); ++i) {
    connections->pollers_.push_back(std::make_unique<Poller>());
  }
  const size_t pollers = connections->pollers_.size();
  size_t opened = 0;
  const auto open = [&](int count, std::vector<Connection>* into) {
    into->resize(static_cast<size_t>(count));
    for (Connection& connection : *into) {
      Poller* const poller = connections->pollers_[opened++ % pollers].get();
      absl::Status status = Connect(options.target, poller, &connection);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  };
  if (absl::Status status = open(options.connections, &connections->unary_); !status.ok()) {
    return status;
  }
  if (absl::Status status = open(options.streams, &connections->streams_); !status.ok()) {
    return status;
  }
  return connections;
}

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace belfry::bench
