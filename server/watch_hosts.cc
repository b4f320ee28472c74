#include "server/watch_hosts.h"

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "scheduler/base/mutex.h"
#include "server/grpc_status.h"

namespace belfry::server {
namespace {

namespace pb = dapr::proto::scheduler::v1;

// Ownership: holds a reference to itself until gRPC is done with it.
// Thread safety: gRPC's threads and the process's main thread meet here.
class WatchHostsStream final : public grpc::ServerWriteReactor<pb::WatchHostsResponse>,
                               public OpenStream,
                               public std::enable_shared_from_this<WatchHostsStream> {
 public:
  WatchHostsStream(const std::string& address, OpenStreams* streams) : streams_(streams) {
    response_.add_hosts()->set_address(address);
  }

  void Begin() {
    self_ = shared_from_this();
    if (response_.hosts(0).address().empty()) {
      End(absl::UnavailableError("server is starting"));
      return;
    }
    if (const absl::Status added = streams_->Add(self_); !added.ok()) {
      End(added);
      return;
    }
    // A stop may have ended it already.
    MutexLock lock(&mutex_);
    if (!ended_) StartWrite(&response_);
  }

  void Close(const absl::Status& status) override { End(status); }

  void OnWriteDone(bool ok) override {
    if (!ok) End(absl::UnavailableError("sending the hosts failed"));
  }
  void OnCancel() override { End(absl::CancelledError("context canceled")); }
  void OnDone() override {
    streams_->Remove(this);
    // The object goes with its reference to itself, at the end of this function.
    const std::shared_ptr<WatchHostsStream> self = std::move(self_);
  }

 private:
  void End(const absl::Status& status) {
    MutexLock lock(&mutex_);
    if (std::exchange(ended_, true)) return;
    Finish(ToGrpcStatus(status));
  }

  OpenStreams* const streams_;
  pb::WatchHostsResponse response_;
  // Set before gRPC knows the object; taken in OnDone.
  std::shared_ptr<WatchHostsStream> self_;

  Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerWriteReactor<pb::WatchHostsResponse>* StartWatchHosts(const std::string& address,
                                                                  OpenStreams* streams) {
  const auto stream = std::make_shared<WatchHostsStream>(address, streams);
  stream->Begin();
  return stream.get();
}

}  // namespace belfry::server
