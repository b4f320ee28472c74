// Connection over gRPC: one channel per scheduler, calls in turn.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "belfry/client.h"
#include "client/src/channel.h"
#include "client/src/grpc_status.h"
#include "client/src/security.h"
#include "dapr/proto/scheduler/v1/scheduler.grpc.pb.h"
#include "grpc/support/time.h"
#include "grpcpp/client_context.h"

namespace belfry {

namespace wire = dapr::proto::scheduler::v1;

namespace {

using client::ConnectionState;

// Whether a call waits for a scheduler that cannot be reached, or fails at once.
enum class IfDown { kWait, kFail };

// How long a scheduler that hung up has for taking another connection.
constexpr int64_t kSecondTryMs = 1500;
// Keeps sums of times within range; nobody waits for longer.
constexpr absl::Duration kMaxTimeout = absl::Hours(24 * 365);

class GrpcConnection final : public Connection {
 public:
  GrpcConnection(std::vector<std::string> addresses, const std::optional<TlsOptions>& tls)
      : security_(tls) {
    SetAddresses(std::move(addresses));
  }

  // A started call must not be the last to let go of a channel, see Retire.
  ~GrpcConnection() override {
    std::unique_lock lock(started_mutex_);
    none_started_.wait(lock, [this] { return started_ == 0; });
  }

  absl::Status ScheduleJob(const wire::ScheduleJobRequest& request,
                           absl::Duration timeout) override {
    wire::ScheduleJobResponse response;
    return Call(&wire::Scheduler::Stub::ScheduleJob, request, &response, timeout, IfDown::kWait);
  }

  bool StartScheduleJob(wire::ScheduleJobRequest request, absl::Duration timeout,
                        Done done) override {
    std::shared_ptr<Peer> peer = ReadyPeer();
    if (peer == nullptr) return false;
    auto call =
        std::make_unique<StartedCall>(*this, std::move(peer), std::move(request), std::move(done));
    timeout = std::clamp(timeout, absl::ZeroDuration(), kMaxTimeout);
    call->timeout = timeout;
    call->context.set_deadline(Deadline(timeout));
    call->context.set_wait_for_ready(true);
    StartedCall& running = *call;
    running.peer->stub->async()->ScheduleJob(
        &running.context, &running.request, &running.response,
        [owned = std::shared_ptr<StartedCall>(std::move(call))](const grpc::Status& status) {
          owned->done(Result(client::FromGrpc(status), *owned->peer, owned->timeout));
        });
    return true;
  }

  absl::StatusOr<wire::GetJobResponse> GetJob(const wire::GetJobRequest& request,
                                              absl::Duration timeout) override {
    wire::GetJobResponse response;
    absl::Status status =
        Call(&wire::Scheduler::Stub::GetJob, request, &response, timeout, IfDown::kWait);
    if (!status.ok()) return status;
    return response;
  }

  absl::Status DeleteJob(const wire::DeleteJobRequest& request, absl::Duration timeout) override {
    wire::DeleteJobResponse response;
    return Call(&wire::Scheduler::Stub::DeleteJob, request, &response, timeout, IfDown::kWait);
  }

  absl::StatusOr<wire::ListJobsResponse> ListJobs(const wire::ListJobsRequest& request,
                                                  absl::Duration timeout) override {
    wire::ListJobsResponse response;
    absl::Status status =
        Call(&wire::Scheduler::Stub::ListJobs, request, &response, timeout, IfDown::kFail);
    if (!status.ok()) return status;
    return response;
  }

  absl::Status DeleteByMetadata(const wire::DeleteByMetadataRequest& request,
                                absl::Duration timeout) override {
    wire::DeleteByMetadataResponse response;
    return Call(&wire::Scheduler::Stub::DeleteByMetadata, request, &response, timeout,
                IfDown::kFail);
  }

  absl::Status DeleteByNamePrefix(const wire::DeleteByNamePrefixRequest& request,
                                  absl::Duration timeout) override {
    wire::DeleteByNamePrefixResponse response;
    return Call(&wire::Scheduler::Stub::DeleteByNamePrefix, request, &response, timeout,
                IfDown::kFail);
  }

  std::vector<std::string> addresses() const override {
    std::lock_guard lock(mutex_);
    std::vector<std::string> addresses;
    for (const auto& peer : peers_) addresses.push_back(peer->address);
    return addresses;
  }

  void SetAddresses(std::vector<std::string> addresses) override {
    std::vector<std::shared_ptr<Peer>> gone;  // channels are closed without the lock
    std::lock_guard lock(mutex_);
    gone.swap(peers_);
    for (std::string& address : addresses) {
      const auto is_same = [&](const auto& peer) { return peer->address == address; };
      if (std::any_of(peers_.begin(), peers_.end(), is_same)) continue;
      const auto old = std::find_if(gone.begin(), gone.end(), is_same);
      peers_.push_back(old != gone.end() ? *old : std::make_shared<Peer>(std::move(address)));
    }
    Retire(&gone);
    peers_changed_.notify_all();
  }

 private:
  using Clock = std::chrono::steady_clock;

  using SecurityPtr = std::shared_ptr<const client::ChannelSecurity>;

  // A scheduler that nobody has called yet has no channel.
  struct Peer {
    explicit Peer(std::string host_port) : address(std::move(host_port)) {}
    Peer(std::string host_port, SecurityPtr channel_security)
        : address(std::move(host_port)),
          security(std::move(channel_security)),
          channel(client::MakeChannel(address, client::ChannelUse::kCalls, *security)),
          stub(wire::Scheduler::NewStub(channel)) {}
    const std::string address;
    const SecurityPtr security;
    const std::shared_ptr<grpc::Channel> channel;
    const std::unique_ptr<wire::Scheduler::Stub> stub;
  };

  // Counts a started call while it lives.
  class Started {
   public:
    explicit Started(GrpcConnection& connection) : connection_(connection) {
      const std::lock_guard lock(connection_.started_mutex_);
      ++connection_.started_;
    }
    ~Started() {
      const std::lock_guard lock(connection_.started_mutex_);
      if (--connection_.started_ == 0) connection_.none_started_.notify_all();
    }
    Started(const Started&) = delete;
    Started& operator=(const Started&) = delete;

   private:
    GrpcConnection& connection_;
  };

  // A call that nobody waits for; its end releases it.
  struct StartedCall {
    StartedCall(GrpcConnection& connection, std::shared_ptr<Peer> to,
                wire::ScheduleJobRequest asked, Done told)
        : started(connection),
          peer(std::move(to)),
          request(std::move(asked)),
          done(std::move(told)) {}
    const Started started;  // first, so that it goes when all else is gone
    const std::shared_ptr<Peer> peer;
    const wire::ScheduleJobRequest request;
    const Done done;
    absl::Duration timeout;
    grpc::ClientContext context;
    wire::ScheduleJobResponse response;
  };

  // Monotonic, so that a stepped wall clock neither ends nor prolongs a call. Without any time it
  // lies well in the past: gRPC rounds up, and an answer that is quick would come first.
  static gpr_timespec Deadline(absl::Duration timeout) {
    if (timeout <= absl::ZeroDuration()) timeout = -absl::Seconds(1);
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                        gpr_time_from_nanos(absl::ToInt64Nanoseconds(timeout), GPR_TIMESPAN));
  }

  // What a call ends with. `why` is what an earlier try of it failed with, or OK.
  static absl::Status Result(const absl::Status& status, const Peer& peer, absl::Duration timeout,
                             const absl::Status& why = absl::OkStatus()) {
    constexpr bool kOnlyLook = false;
    if (absl::IsDeadlineExceeded(status) &&
        peer.channel->GetState(kOnlyLook) != GRPC_CHANNEL_READY) {
      const absl::Status explained = client::Explained(why, peer.security->is_tls);
      return absl::DeadlineExceededError("no connection to " + peer.address + " within " +
                                         absl::FormatDuration(timeout) +
                                         (why.ok() ? "" : ": " + std::string(explained.message())));
    }
    return client::Explained(status, peer.security->is_tls);
  }

  template <typename Request, typename Response>
  using Method = grpc::Status (wire::Scheduler::Stub::*)(grpc::ClientContext*, const Request&,
                                                         Response*);

  template <typename Request, typename Response>
  absl::Status Call(Method<Request, Response> method, const Request& request, Response* response,
                    absl::Duration timeout, IfDown if_down) {
    if (const auto security = security_.Current(); !security.ok()) return security.status();
    timeout = std::clamp(timeout, absl::ZeroDuration(), kMaxTimeout);
    const gpr_timespec deadline = Deadline(timeout);
    const std::shared_ptr<Peer> peer = NextPeer(timeout, if_down);
    if (peer == nullptr) {
      if (if_down == IfDown::kFail) return absl::UnavailableError("no scheduler is known");
      return absl::DeadlineExceededError("no scheduler is known after " +
                                         absl::FormatDuration(timeout));
    }
    absl::Status why;
    const absl::Status status =
        Try(*peer, method, request, response, deadline, if_down, /*why_waited=*/&why);
    return Result(status, *peer, timeout, why);
  }

  // A call that waits for a connection never tells why there is none, and it may wait for
  // a certificate that will never be accepted. So it waits only after a try that did not, whose
  // error `why_waited` gets.
  template <typename Request, typename Response>
  absl::Status Try(const Peer& peer, Method<Request, Response> method, const Request& request,
                   Response* response, gpr_timespec deadline, IfDown if_down,
                   absl::Status* why_waited) {
    absl::Status status = CallOnce(peer, method, request, response, deadline, IfDown::kFail);
    if (if_down == IfDown::kFail) return status;
    ConnectionState state = client::StateOf(status);
    if (peer.security->is_tls && state == ConnectionState::kUnclear) {
      // Hanging up is how a certificate is refused, but also how a process ends: so ask again.
      peer.channel->WaitForConnected(
          gpr_time_min(deadline, gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                              gpr_time_from_millis(kSecondTryMs, GPR_TIMESPAN))));
      status = CallOnce(peer, method, request, response, deadline, IfDown::kFail);
      state = client::StateOf(status);
    }
    const bool is_final = state == ConnectionState::kMade || state == ConnectionState::kInsecure ||
                          (peer.security->is_tls && state == ConnectionState::kUnclear);
    if (is_final) return status;
    *why_waited = std::move(status);
    return CallOnce(peer, method, request, response, deadline, IfDown::kWait);
  }

  template <typename Request, typename Response>
  absl::Status CallOnce(const Peer& peer, Method<Request, Response> method, const Request& request,
                        Response* response, gpr_timespec deadline, IfDown if_down) {
    grpc::ClientContext context;
    context.set_deadline(deadline);
    context.set_wait_for_ready(if_down == IfDown::kWait);
    return client::FromGrpc((peer.stub.get()->*method)(&context, request, response));
  }

  // A peer that can be talked to now, each in its turn; null if there is none.
  std::shared_ptr<Peer> ReadyPeer() {
    constexpr bool kOnlyLook = false;
    std::lock_guard lock(mutex_);
    const absl::StatusOr<SecurityPtr> security = security_.Current();
    if (!security.ok()) return nullptr;
    const size_t first = next_++;
    for (size_t i = 0; i < peers_.size(); ++i) {
      const auto& peer = peers_[(first + i) % peers_.size()];
      if (peer->security != *security) continue;
      if (peer->channel->GetState(kOnlyLook) == GRPC_CHANNEL_READY) return peer;
    }
    return nullptr;
  }

  // Takes peers that are called no more. Those that no call uses either are left in `peers`, to be
  // destroyed; the others are kept for the next time: a call that was started may be the last to
  // let go of one, on a thread of gRPC's, and that must not close a channel. REQUIRES: mutex_.
  void Retire(std::vector<std::shared_ptr<Peer>>* peers) {
    std::vector<std::shared_ptr<Peer>> all;
    all.swap(retired_);
    for (std::shared_ptr<Peer>& peer : *peers) all.push_back(std::move(peer));
    peers->clear();
    for (std::shared_ptr<Peer>& peer : all) {
      const bool is_in_use =
          peer.use_count() > 1 && std::find(peers_.begin(), peers_.end(), peer) == peers_.end();
      (is_in_use ? retired_ : *peers).push_back(std::move(peer));
    }
  }

  // The peer whose turn it is, passing over those known to be down unless all are. Null if there
  // is none (kWait: none within `timeout`).
  std::shared_ptr<Peer> NextPeer(absl::Duration timeout, IfDown if_down) {
    std::vector<std::shared_ptr<Peer>> outdated;  // channels are closed without the lock
    std::unique_lock lock(mutex_);
    if (if_down == IfDown::kWait) {
      peers_changed_.wait_until(lock, Clock::now() + absl::ToChronoNanoseconds(timeout),
                                [this] { return !peers_.empty(); });
    }
    // Files that were good once are never bad again.
    const absl::StatusOr<SecurityPtr> security = security_.Current();
    if (peers_.empty() || !security.ok()) return nullptr;
    const size_t first = next_++;
    for (std::shared_ptr<Peer>& peer : peers_) {
      if (peer->security != *security) {
        outdated.push_back(std::move(peer));
        peer = std::make_shared<Peer>(outdated.back()->address, *security);
      }
    }
    Retire(&outdated);
    for (size_t i = 0; i < peers_.size(); ++i) {
      const std::shared_ptr<Peer>& peer = peers_[(first + i) % peers_.size()];
      constexpr bool kTryToConnect = true;
      if (peer->channel->GetState(kTryToConnect) != GRPC_CHANNEL_TRANSIENT_FAILURE) return peer;
    }
    return peers_[first % peers_.size()];
  }

  client::Security security_;

  std::mutex started_mutex_;
  std::condition_variable none_started_;  // signalled when started_ becomes 0
  int started_ = 0;                       // guarded by started_mutex_

  mutable std::mutex mutex_;
  // Signalled when peers_ is replaced.
  std::condition_variable peers_changed_;
  // Guarded by mutex_.
  std::vector<std::shared_ptr<Peer>> peers_;
  std::vector<std::shared_ptr<Peer>> retired_;
  size_t next_ = 0;
};

}  // namespace

std::shared_ptr<Connection> MakeGrpcConnection(std::vector<std::string> addresses,
                                               const std::optional<TlsOptions>& tls) {
  return std::make_shared<GrpcConnection>(std::move(addresses), tls);
}

}  // namespace belfry
