#pragma once

// HostWatcher: keeps asking one of the configured schedulers for the list of live ones.

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/src/channel.h"
#include "client/src/security.h"
#include "grpcpp/client_context.h"

namespace belfry::client {

// Life of the watch: dial a configured address (a random one first, then the others in turn), read
// the list, keep the stream open and take further lists from it; when it ends or fails, pause and
// start over, for ever. A scheduler without WatchHosts (UNIMPLEMENTED) means that the configured
// addresses are the list; it is not asked again.
//
// Thread safety: Start and Stop belong to the owner; hosts() may be called from any thread.
class HostWatcher {
 public:
  struct Options {
    // host:port of schedulers; nothing is ever told if empty.
    std::vector<std::string> addresses;
    // Every reconnect waits between these, also after a list was received: a scheduler that sends
    // the list and hangs up must not make us spin.
    absl::Duration min_pause = absl::Milliseconds(500);
    absl::Duration max_pause = absl::Milliseconds(1500);
    Keepalive keepalive;
    // How connections are protected; may be shared, and must not be null.
    std::shared_ptr<Security> security = std::make_shared<Security>(std::nullopt);
    // Called with the first list and with each one that differs from the last: sorted, each
    // address once. On the watcher's thread; must not call Stop.
    std::function<void(const std::vector<std::string>&)> on_hosts;
    // Called each time that a watch ends, with the reason. May be empty.
    std::function<void(const std::string& address, const absl::Status&)> on_error;
  };

  explicit HostWatcher(Options options);
  ~HostWatcher();  // stops
  HostWatcher(const HostWatcher&) = delete;
  HostWatcher& operator=(const HostWatcher&) = delete;

  void Start();
  // Ends the watch; after it returns no callback runs. May be called twice.
  void Stop();

  // The last list; empty before the first.
  std::vector<std::string> hosts() const;

 private:
  // Watches until told to stop or that asking is pointless. Wakes from a pause when stopped.
  void ThreadMain();
  // One watch on one address, from dialling to its end.
  absl::Status Watch(const std::string& address);
  void Publish(std::vector<std::string> hosts);
  bool IsStopping() const;
  // False if stopped meanwhile.
  bool Pause();

  const Options options_;
  std::thread thread_;

  mutable std::mutex mutex_;
  // Signalled by Stop.
  std::condition_variable stopped_;
  // Guarded by mutex_.
  bool stopping_ = false;
  bool has_list_ = false;
  std::vector<std::string> hosts_;
  grpc::ClientContext* context_ = nullptr;  // of the watch under way, so that Stop can cancel it
};

}  // namespace belfry::client
