#include "belfry/worker.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "client/src/backoff.h"
#include "client/src/channel.h"
#include "client/src/host_watcher.h"
#include "client/src/job_stream.h"
#include "client/src/security.h"

namespace belfry {

namespace wire = dapr::proto::scheduler::v1;

namespace {

using SteadyClock = std::chrono::steady_clock;

// How long cancelled streams may take to end. Only a handler that blocks can make them need it.
constexpr absl::Duration kCancelLimit = absl::Seconds(5);
// Keeps sums of times within range.
constexpr absl::Duration kMaxDrain = absl::Hours(24);
// The thread looks at its state this often even if nothing wakes it.
constexpr std::chrono::seconds kLongestSleep(60);
// The longest pause after a refusal, see IsRefusal; short enough for a certificate that is
// exchanged.
constexpr absl::Duration kMaxRefusedPause = absl::Seconds(10);
// A stream to a scheduler that has refused counts as open when it has lived for this long: only the
// end of a stream tells that it was refused.
constexpr std::chrono::seconds kProbation(1);

// Whether a scheduler has said that it will not have this client, rather than not now.
bool IsRefusal(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status) ||
         absl::IsInvalidArgument(status) || absl::IsUnimplemented(status);
}

wire::WatchJobsRequestInitial Initial(const WorkerOptions& options) {
  wire::WatchJobsRequestInitial initial;
  initial.set_app_id(options.app_id);
  initial.set_namespace_(options.ns);
  initial.add_accept_job_types(wire::JOB_TARGET_TYPE_JOB);
  return initial;
}

}  // namespace

// One thread owns the set of slots: it opens what is missing, cancels what is not wanted, releases
// what has ended and tells the number of open streams.
//
// A slot is a place for a stream to one host, and one of: waiting (no stream, next_try is set),
// dialling (stream, not is_open), open; on probation if it was refused the last time. A stream has
// an id of its own under which it reports, so that a report of one that was given up meets no slot.
// It is in live_ from its beginning until on_closed, then in ended_ until released.
//
// Streams hold this weakly: they neither keep it alive nor need it.
class Worker::Impl : public std::enable_shared_from_this<Worker::Impl> {
 public:
  Impl(WorkerOptions options, Handler handler)
      : options_(std::move(options)),
        security_(std::make_shared<client::Security>(options_.tls)),
        handler_(std::make_shared<const Handler>(std::move(handler))),
        watcher_(WatcherOptions()) {}

  void Start() {
    thread_ = std::thread([this] { ThreadMain(); });
    watcher_.Start();
  }

  void SetReceiving(bool receiving) {
    std::lock_guard lock(mutex_);
    receiving_ = receiving;
    Wake();
  }

  void Stop(absl::Duration drain);

  std::vector<std::string> hosts() const { return watcher_.hosts(); }

 private:
  using StreamId = uint64_t;
  using StreamPtr = std::shared_ptr<client::JobStream>;
  static constexpr StreamId kNoStream = 0;
  struct Slot {
    std::string address;
    StreamId stream = kNoStream;
    bool is_open = false;
    SteadyClock::time_point opened;
    SteadyClock::time_point next_try;
    int refusals = 0;  // in a row

    bool IsOnProbation() const { return is_open && refusals > 0; }
  };

  client::HostWatcher::Options WatcherOptions();
  client::Keepalive Keepalive() const {
    return {.idle = options_.keepalive_idle, .timeout = options_.keepalive_timeout};
  }

  // Follows the wanted hosts until stopped. Wakes on a new list, a change of receiving_, a stream
  // that opened or closed, a retry that is due, and Stop.
  void ThreadMain();

  // Called by streams and the watcher, on their threads.
  void OnHosts(const std::vector<std::string>& hosts);
  void OnOpen(StreamId id);
  void OnClosed(StreamId id, const std::string& address, const absl::Status& status);

  // All of these need mutex_ held.
  void Wake() {
    changed_ = true;
    wake_.notify_all();
  }
  void DropUnwanted();
  void AddMissing();
  // Opens streams whose time has come; returns when the next one's comes.
  SteadyClock::time_point OpenDue(SteadyClock::time_point now);
  StreamId Open(const std::string& address, const client::ChannelSecurity& security);
  // Ends probations whose time is over; returns when the next one's is.
  SteadyClock::time_point EndProbations(SteadyClock::time_point now);
  // What a slot does after its stream has ended.
  void Await(const absl::Status& status, Slot* slot);
  Slot* FindSlot(StreamId id);  // nullptr if it was given up
  int CountOpen() const;

  // Closes the connections of ended streams. REQUIRES: `lock` holds mutex_, which is dropped
  // meanwhile: gRPC may wait for its threads here, and they may be on their way to mutex_.
  void ReleaseEnded(std::unique_lock<std::mutex>* lock);

  const WorkerOptions options_;
  const std::shared_ptr<client::Security> security_;
  // Shared with the streams, which may outlive this.
  const std::shared_ptr<const Handler> handler_;
  client::HostWatcher watcher_;
  std::thread thread_;

  mutable std::mutex mutex_;
  // Signalled by Wake and when a stream has ended.
  std::condition_variable wake_;
  // Guarded by mutex_.
  bool changed_ = false;
  bool stopping_ = false;
  bool receiving_ = true;
  std::vector<std::string> hosts_;
  std::vector<Slot> slots_;
  StreamId last_id_ = kNoStream;
  std::map<StreamId, StreamPtr> live_;
  std::vector<StreamPtr> ended_;
};

client::HostWatcher::Options Worker::Impl::WatcherOptions() {
  client::HostWatcher::Options options;
  options.addresses = options_.addresses;
  options.keepalive = Keepalive();
  options.security = security_;
  options.on_hosts = [this](const std::vector<std::string>& hosts) { OnHosts(hosts); };
  options.on_error = options_.on_error;
  return options;
}

void Worker::Impl::OnHosts(const std::vector<std::string>& hosts) {
  if (options_.on_hosts) options_.on_hosts(hosts);
  std::lock_guard lock(mutex_);
  hosts_ = hosts;
  Wake();
}

void Worker::Impl::OnOpen(StreamId id) {
  std::lock_guard lock(mutex_);
  Slot* slot = FindSlot(id);
  if (slot == nullptr) return;
  slot->is_open = true;
  slot->opened = SteadyClock::now();
  Wake();
}

void Worker::Impl::OnClosed(StreamId id, const std::string& address, const absl::Status& status) {
  bool is_loss = false;
  {
    std::lock_guard lock(mutex_);
    Slot* slot = FindSlot(id);
    is_loss = slot != nullptr && !stopping_;
    if (is_loss) Await(status, slot);
  }
  if (is_loss && options_.on_error) options_.on_error(address, status);
  // Last of all: once no stream is live, Stop returns.
  std::lock_guard lock(mutex_);
  const auto stream = live_.find(id);
  if (stream == live_.end()) return;  // Stop has given up waiting
  ended_.push_back(std::move(stream->second));
  live_.erase(stream);
  Wake();
}

void Worker::Impl::Await(const absl::Status& status, Slot* slot) {
  slot->refusals = IsRefusal(status) ? slot->refusals + 1 : 0;
  absl::Duration longest = options_.max_backoff;
  for (int i = 1; i < slot->refusals && longest < kMaxRefusedPause; ++i) longest *= 2;
  const absl::Duration shortest = slot->refusals > 1 ? longest / 2 : options_.min_backoff;
  slot->stream = kNoStream;
  slot->is_open = false;
  slot->next_try =
      SteadyClock::now() + absl::ToChronoNanoseconds(client::DrawPause(shortest, longest));
}

void Worker::Impl::ThreadMain() {
  int told = 0;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    changed_ = false;
    DropUnwanted();
    AddMissing();
    const SteadyClock::time_point now = SteadyClock::now();
    const SteadyClock::time_point next =
        std::min({OpenDue(now), EndProbations(now), now + kLongestSleep});
    const int open = CountOpen();
    ReleaseEnded(&lock);
    if (open != told && options_.on_streams) {
      lock.unlock();
      options_.on_streams(open);
      lock.lock();
    }
    told = open;
    wake_.wait_until(lock, next, [this] { return changed_ || stopping_; });
  }
}

void Worker::Impl::DropUnwanted() {
  const auto is_unwanted = [this](const Slot& slot) {
    return !receiving_ || std::find(hosts_.begin(), hosts_.end(), slot.address) == hosts_.end();
  };
  for (const Slot& slot : slots_) {
    if (slot.stream != kNoStream && is_unwanted(slot)) live_.at(slot.stream)->Cancel();
  }
  slots_.erase(std::remove_if(slots_.begin(), slots_.end(), is_unwanted), slots_.end());
}

void Worker::Impl::AddMissing() {
  if (!receiving_) return;
  for (const std::string& host : hosts_) {
    auto has = std::count_if(slots_.begin(), slots_.end(),
                             [&](const Slot& slot) { return slot.address == host; });
    for (; has < options_.streams_per_host; ++has) slots_.emplace_back().address = host;
  }
}

SteadyClock::time_point Worker::Impl::OpenDue(SteadyClock::time_point now) {
  SteadyClock::time_point next = SteadyClock::time_point::max();
  const auto security = security_->Current();
  // Without it no list of hosts would have come, and whoever asks for the list tells why.
  if (!security.ok()) return next;
  for (Slot& slot : slots_) {
    if (slot.stream != kNoStream) continue;
    if (slot.next_try <= now) {
      slot.stream = Open(slot.address, **security);
    } else {
      next = std::min(next, slot.next_try);
    }
  }
  return next;
}

SteadyClock::time_point Worker::Impl::EndProbations(SteadyClock::time_point now) {
  SteadyClock::time_point next = SteadyClock::time_point::max();
  for (Slot& slot : slots_) {
    if (!slot.IsOnProbation()) continue;
    if (slot.opened + kProbation <= now) {
      slot.refusals = 0;
    } else {
      next = std::min(next, slot.opened + kProbation);
    }
  }
  return next;
}

Worker::Impl::StreamId Worker::Impl::Open(const std::string& address,
                                          const client::ChannelSecurity& security) {
  const StreamId id = ++last_id_;
  client::JobStream::Events events;
  events.on_trigger = [handler = handler_](wire::WatchJobsResponse trigger, Done done) {
    (*handler)(std::move(trigger), std::move(done));
  };
  events.on_open = [weak = weak_from_this(), id] {
    if (const auto self = weak.lock()) self->OnOpen(id);
  };
  events.on_closed = [weak = weak_from_this(), id, address,
                      is_tls = security.is_tls](const absl::Status& status) {
    const absl::Status explained = client::Explained(status, is_tls);
    if (const auto self = weak.lock()) self->OnClosed(id, address, explained);
  };
  // The stream's reports wait for mutex_, so they find it in live_.
  live_[id] = client::JobStream::Open(
      client::MakeChannel(address, client::ChannelUse::kStream, security, Keepalive()),
      Initial(options_), std::move(events));
  return id;
}

Worker::Impl::Slot* Worker::Impl::FindSlot(StreamId id) {
  const auto slot = std::find_if(slots_.begin(), slots_.end(),
                                 [id](const Slot& other) { return other.stream == id; });
  return slot == slots_.end() ? nullptr : &*slot;
}

int Worker::Impl::CountOpen() const {
  return static_cast<int>(std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) {
    return slot.is_open && !slot.IsOnProbation();
  }));
}

void Worker::Impl::ReleaseEnded(std::unique_lock<std::mutex>* lock) {
  std::vector<StreamPtr> ended;
  ended.swap(ended_);
  lock->unlock();
  for (const StreamPtr& stream : ended) stream->Release();
  lock->lock();
}

void Worker::Impl::Stop(absl::Duration drain) {
  drain = std::clamp(drain, absl::ZeroDuration(), kMaxDrain);
  watcher_.Stop();
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    Wake();
  }
  if (thread_.joinable()) thread_.join();

  std::unique_lock lock(mutex_);
  slots_.clear();
  const auto all_ended = [this] { return live_.empty(); };
  for (const auto& [id, stream] : live_) stream->Drain();
  if (!wake_.wait_for(lock, absl::ToChronoNanoseconds(drain), all_ended)) {
    for (const auto& [id, stream] : live_) stream->Cancel();
    if (!wake_.wait_for(lock, absl::ToChronoNanoseconds(kCancelLimit), all_ended)) {
      // A handler blocks. Its stream is better leaked than released on gRPC's thread, see Release.
      new std::map<StreamId, StreamPtr>(std::move(live_));
      live_.clear();
    }
  }
  ReleaseEnded(&lock);
}

Worker::Worker(WorkerOptions options, Handler handler)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(handler))) {}

Worker::~Worker() { impl_->Stop(absl::ZeroDuration()); }

void Worker::Start() { impl_->Start(); }

void Worker::SetReceiving(bool receiving) { impl_->SetReceiving(receiving); }

void Worker::Stop(absl::Duration drain) { impl_->Stop(drain); }

std::vector<std::string> Worker::hosts() const { return impl_->hosts(); }

}  // namespace belfry
