#include "client/src/host_watcher.h"

#include <algorithm>
#include <random>
#include <utility>

#include "client/src/backoff.h"
#include "client/src/grpc_status.h"
#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"

namespace belfry::client {

namespace wire = dapr::proto::scheduler::v1;

HostWatcher::HostWatcher(Options options) : options_(std::move(options)) {}

HostWatcher::~HostWatcher() { Stop(); }

void HostWatcher::Start() {
  if (options_.addresses.empty()) return;
  thread_ = std::thread([this] { ThreadMain(); });
}

void HostWatcher::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
    stopped_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::vector<std::string> HostWatcher::hosts() const {
  std::lock_guard lock(mutex_);
  return hosts_;
}

void HostWatcher::ThreadMain() {
  // Clients that start together should not all ask the first address.
  size_t next = std::random_device{}() % options_.addresses.size();
  do {
    const std::string& address = options_.addresses[next++ % options_.addresses.size()];
    const absl::Status status = Watch(address);
    if (absl::IsUnimplemented(status)) return Publish(options_.addresses);
    if (!IsStopping() && options_.on_error) options_.on_error(address, status);
  } while (Pause());
}

absl::Status HostWatcher::Watch(const std::string& address) {
  // A new channel each time: its first attempt is made at once and its address is looked up anew.
  const auto security = options_.security->Current();
  if (!security.ok()) return security.status();
  const auto stub = wire::Scheduler::NewStub(
      MakeChannel(address, ChannelUse::kStream, **security, options_.keepalive));
  grpc::ClientContext context;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return absl::CancelledError("stopped");
    context_ = &context;
  }
  const auto reader = stub->WatchHosts(&context, wire::WatchHostsRequest());
  wire::WatchHostsResponse response;
  while (reader->Read(&response)) {
    std::vector<std::string> hosts;
    for (wire::Host& host : *response.mutable_hosts()) {
      hosts.push_back(std::move(*host.mutable_address()));
    }
    Publish(std::move(hosts));
  }
  {
    std::lock_guard lock(mutex_);
    context_ = nullptr;
  }
  const absl::Status status = Explained(FromGrpc(reader->Finish()), (*security)->is_tls);
  return status.ok() ? absl::UnavailableError("the scheduler ended the list of hosts") : status;
}

void HostWatcher::Publish(std::vector<std::string> hosts) {
  std::sort(hosts.begin(), hosts.end());
  hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || (has_list_ && hosts == hosts_)) return;
    has_list_ = true;
    hosts_ = hosts;
  }
  if (options_.on_hosts) options_.on_hosts(hosts);
}

bool HostWatcher::IsStopping() const {
  std::lock_guard lock(mutex_);
  return stopping_;
}

bool HostWatcher::Pause() {
  const absl::Duration pause = DrawPause(options_.min_pause, options_.max_pause);
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, absl::ToChronoNanoseconds(pause), [this] { return stopping_; });
}

}  // namespace belfry::client
