#include "scheduler/loop/scheduler_loop.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "scheduler/base/check.h"
#include "scheduler/base/limits.h"
#include "scheduler/base/mutex.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/engine/engine.h"
#include "scheduler/loop/clock_watch.h"
#include "scheduler/loop/firing_state.h"
#include "scheduler/loop/id_reader.h"
#include "scheduler/loop/job_reader.h"
#include "scheduler/loop/mailbox.h"
#include "scheduler/loop/name_finder.h"
#include "scheduler/loop/syncer.h"
#include "scheduler/loop/task_runner.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace belfry {
namespace {

absl::Status Stopping() { return absl::UnavailableError("the scheduler is stopping"); }

// Answers a request that the engine will not see.
void Refuse(Event& event, const absl::Status& status) {
  if (auto* schedule = std::get_if<ScheduleEvent>(&event)) return schedule->reply(status);
  if (auto* erase = std::get_if<DeleteEvent>(&event)) return erase->reply(status);
  if (auto* prefix = std::get_if<DeletePrefixEvent>(&event)) return prefix->reply(status);
}

}  // namespace

class SchedulerLoop::Impl {
 public:
  Impl(Store* store, Clock* clock, LoopOptions options)
      : store_(store),
        clock_(clock),
        options_(std::move(options)),
        engine_(store, options_.limits),
        firing_(clock),
        mailbox_(options_.limits),
        syncer_(store, clock, options_.max_unsynced,
                [this](const absl::Status& status) { Fatal(status); }) {}

  ~Impl() { Stop().IgnoreError(); }

  absl::Status Recover() {
    // What a killed process had written may not be durable yet, and replies are about to tell of
    // it.
    RETURN_IF_ERROR(store_->Sync());
    RETURN_IF_ERROR(engine_.Recover(clock_->Now()));
    PublishDeletes();
    return absl::OkStatus();
  }

  void Start() {
    started_ = true;
    syncer_.Start();
    loaders_.Start(options_.payload_readers);
    scanners_.Start(1);
    listers_.Start(1);
    thread_ = std::thread([this] { LoopThreadMain(); });
  }

  absl::Status Stop() {
    mailbox_.Close();
    if (thread_.joinable()) {
      thread_.join();
    } else {
      Drain();
    }
    {
      MutexLock lock(&budget_mutex_);
      stopping_ = true;
      budget_freed_.SignalAll();
    }
    loaders_.Stop();
    scanners_.Stop();
    listers_.Stop();
    return syncer_.Stop();
  }

  // Hands a request to the loop, or refuses it.
  void Submit(Event event, size_t bytes) {
    switch (mailbox_.Submit(event, bytes)) {
      case Mailbox::Result::kAccepted:
        return;
      case Mailbox::Result::kFull:
        return Refuse(event,
                      absl::ResourceExhaustedError(fmt::format(
                          "too many requests are waiting (limits: --max-mailbox-events={}, "
                          "--max-mailbox-bytes={})",
                          options_.limits.max_mailbox_events, options_.limits.max_mailbox_bytes)));
      case Mailbox::Result::kClosed:
        return Refuse(event, Stopping());
    }
  }
  void SubmitReserved(Event event) { mailbox_.SubmitReserved(std::move(event)); }
  void SubmitAnswer(SettleEvent answer) { mailbox_.SubmitAnswer(std::move(answer)); }

  // Reads what the loop will look up for this job, so that the loop finds it in memory.
  absl::Status Warm(const std::string& job_key, bool with_counter) {
    ASSIGN_OR_RETURN(const auto name, store_->Get(Table::kNames, job_key));
    if (!name.has_value()) return absl::OkStatus();
    const auto entry = DecodeName(*name);
    // The request follows what was found.
    if (!entry.ok()) return TryFindName(job_key).status();
    if (!with_counter) return absl::OkStatus();
    return store_->Get(Table::kCounters, EncodeId(entry->job_id)).status();
  }

  void Get(const JobKey& key, GetReply reply) {
    const auto deleted = published_deletes();
    const std::string job_key = EncodeJobKey(key);
    auto record = ReadJob(*store_, *deleted, job_key);
    if (absl::IsDataLoss(record.status()) && IsUnreadableName(*store_, job_key)) {
      record = ReadJobOf(TryFindName(job_key), *deleted, job_key);
    }
    AnswerRead(std::move(record), std::move(reply));
  }

  void List(std::string prefix, size_t max_bytes, ListReply reply) {
    const size_t max = options_.limits.max_pending_lists;
    if (pending_lists_.fetch_add(1) >= max) {
      --pending_lists_;
      return reply(absl::ResourceExhaustedError(
          fmt::format("too many lists are waiting (limit: --max-pending-lists={})", max)));
    }
    listers_.Submit([this, prefix = std::move(prefix), max_bytes,
                     guard = ListGuard(this, std::move(reply))]() mutable {
      auto jobs = ListJobs(*store_, prefix, max_bytes);
      // In a statement of its own: the list counts as pending until it has been read.
      AnswerRead(std::move(jobs), guard.Take());
    });
  }

  absl::Status SyncNow() { return syncer_.SyncNow(); }

  WatcherId NewWatcherId() { return ++last_watcher_id_; }

  absl::Duration RunOnce() {
    if (failed_ || fatal_) return DropAll();
    const absl::Duration monotonic = clock_->Monotonic();
    const absl::Time now = ReadClock();
    // A batch that the store refused to take must be written before anything else happens.
    if (!holding_) {
      for (Event& event : mailbox_.Take()) {
        if (const auto* load = std::get_if<LoadEvent>(&event)) FreeBudget(load->bytes);
        engine_.Step(std::move(event), now);
      }
      engine_.RunDue(now, monotonic);
    }
    const absl::Status written = Write();
    firing_.NoteDecisions(engine_, now, monotonic, IsHeld(written));
    if (KeepHolding(written)) {
      firing_.NoteTurn();
      return kWriteRetryPause;
    }
    if (!written.ok()) {
      failed_ = true;
      Fatal(written);
      syncer_.Fail(written);
      RefuseUnwritten();
      return absl::ZeroDuration();
    }
    CarryOut(engine_.Release(now));
    firing_.NoteTurn();
    return SleepTime();
  }

  bool RunReaders() { return scanners_.RunOnce() || loaders_.RunOnce() || listers_.RunOnce(); }
  bool RunReader(Reader reader) {
    switch (reader) {
      case Reader::kScanner:
        return scanners_.RunOnce();
      case Reader::kLoader:
        return loaders_.RunOnce();
      case Reader::kLister:
        return listers_.RunOnce();
    }
    return false;
  }
  bool RunSyncer() { return syncer_.RunOnce(); }
  const Engine& engine() const { return engine_; }

  Firing firing() const { return firing_.Read(); }

 private:
  // Sees to it that a list is answered and counted down, even if its task is dropped.
  class ListGuard {
   public:
    ListGuard(Impl* impl, ListReply reply) : impl_(impl), reply_(std::move(reply)) {}
    ListGuard(ListGuard&& other) noexcept
        : impl_(std::exchange(other.impl_, nullptr)), reply_(std::move(other.reply_)) {}
    ~ListGuard() {
      if (impl_ == nullptr) return;
      --impl_->pending_lists_;
      reply_(Stopping());
    }
    ListReply Take() {
      --std::exchange(impl_, nullptr)->pending_lists_;
      return std::move(reply_);
    }

   private:
    Impl* impl_;
    ListReply reply_;
  };

  static absl::Status Unwritten() {
    return absl::UnavailableError(
        "the store has failed; whether the request was carried out is "
        "unknown");
  }

  void LoopThreadMain() {
    for (;;) {
      const absl::Duration sleep = RunOnce();
      if (mailbox_.closed() && mailbox_.empty() && !holding_) return;
      if (holding_) {
        // Not on the mailbox: what waits there must not wake the loop before the store can go on.
        std::this_thread::sleep_for(absl::ToChronoNanoseconds(sleep));
      } else if (sleep > absl::ZeroDuration()) {
        mailbox_.Wait(sleep, kAnswerPace);
      }
    }
  }

  // Takes what is left in a closed mailbox when there is no thread.
  void Drain() {
    while (!mailbox_.empty() || holding_) {
      RunOnce();
      if (holding_) std::this_thread::sleep_for(absl::ToChronoNanoseconds(kWriteRetryPause));
    }
  }

  static bool IsHeld(const absl::Status& written) { return absl::IsResourceExhausted(written); }

  // Whether the batch that the store refused to take stays to be written again.
  bool KeepHolding(const absl::Status& written) {
    if (!IsHeld(written)) {
      holding_ = false;
      return false;
    }
    const absl::Duration now = clock_->Monotonic();
    if (!mailbox_.closed() || !stop_seen_.has_value()) stop_seen_ = now;
    holding_ = now - *stop_seen_ < kMaxStopWriteWait;
    return holding_;
  }

  absl::Status Write() {
    if (engine_.batch().empty()) return absl::OkStatus();
    // Announced before it is written: whoever reads the new state waits for this number.
    if (engine_.batch_is_foreground() && !holding_) syncer_.Announce();
    RETURN_IF_ERROR(store_->Write(engine_.batch()));
    syncer_.Written();
    return absl::OkStatus();
  }

  void CarryOut(Effects effects) {
    if (effects.prefix_deletes_changed) PublishDeletes();
    for (const GivenUp& late : effects.given_up) late.watcher->GiveUp(late.trigger_id);
    if (effects.quarantined_count > 0 && options_.on_quarantine) {
      options_.on_quarantine(effects.quarantined_count);
    }
    for (Send& send : effects.sends) send.watcher->Send(std::move(send.message));
    for (const UnreceivedJobs& jobs : effects.unreceived) {
      if (options_.on_unreceived) options_.on_unreceived(jobs.kind, jobs.count);
    }
    for (const ScanRequest& scan : effects.scans) {
      scanners_.Submit([this, scan] { Scan(scan); });
    }
    for (PurgeRequest& purge : effects.purges) {
      scanners_.Submit([this, request = std::move(purge)] { ScanForPurge(request); });
    }
    for (size_t i = 0; i < effects.loads.size(); i += kLoadChunkJobs) {
      const auto first = effects.loads.begin() + static_cast<std::ptrdiff_t>(i);
      const auto count = std::min(kLoadChunkJobs, effects.loads.size() - i);
      loaders_.Submit(
          [this, loads = std::vector<LoadRequest>(
                     first, first + static_cast<std::ptrdiff_t>(count))] { Load(loads); });
    }
    std::vector<Syncer::Done> replies;
    replies.reserve(effects.answers.size());
    for (Answer& answer : effects.answers) {
      replies.push_back([reply = std::move(answer.reply),
                         status = std::move(answer.status)](const absl::Status& durable) mutable {
        reply(durable.ok() ? std::move(status) : Unwritten());
      });
    }
    syncer_.WhenDurable(syncer_.announced(), std::move(replies));
  }

  void PublishDeletes() {
    MutexLock lock(&deletes_mutex_);
    deletes_ = std::make_shared<const PrefixDeletes>(engine_.prefix_deletes());
  }

  absl::Duration SleepTime() {
    if (engine_.HasWork() || mailbox_.urgent()) return absl::ZeroDuration();
    const auto due = engine_.NextDue();
    if (!due.has_value()) return kMaxLoopSleep;
    return std::clamp(*due - clock_->Now(), absl::ZeroDuration(), kMaxLoopSleep);
  }

  // Answers the requests of a turn that will never be written.
  void RefuseUnwritten() {
    for (Answer& answer : engine_.Release(clock_->Now()).answers) answer.reply(Unwritten());
  }

  // After a failure nothing is decided any more: requests are refused until the process ends.
  absl::Duration DropAll() {
    // The store may have failed elsewhere while a batch waited to be written again.
    if (std::exchange(holding_, false)) RefuseUnwritten();
    for (Event& event : mailbox_.Take()) Refuse(event, Unwritten());
    return kMaxLoopSleep;
  }

  using FoundName = absl::StatusOr<std::optional<NameEntry>>;

  // Looks on this thread for the job of a name whose record cannot be read, and tells the loop.
  FoundName FindName(const std::string& job_key) {
    FoundName entry = FindNameEntry(*store_, job_key);
    if (entry.ok()) mailbox_.SubmitReserved(NameFoundEvent{job_key, *entry});
    return entry;
  }

  // As FindName; Unavailable if a name is being looked for already, as each look reads all jobs.
  FoundName TryFindName(const std::string& job_key) {
    if (!finding_mutex_.TryLock()) {
      return absl::UnavailableError(
          "a name whose record cannot be read is being rebuilt from its job: try again");
    }
    FoundName entry = FindName(job_key);
    finding_mutex_.Unlock();
    return entry;
  }

  absl::StatusOr<storage::v1::JobRecord> ReadJobOf(const FoundName& name,
                                                   const PrefixDeletes& deleted,
                                                   const std::string& job_key) const {
    if (!name.ok()) return name.status();
    if (!name->has_value() || deleted.Covers(job_key, (*name)->job_id)) {
      return absl::NotFoundError("job not found");
    }
    ASSIGN_OR_RETURN(auto record, ReadRecord(*store_, (*name)->job_id));
    if (!record.has_value()) return absl::NotFoundError("job not found");
    return *std::move(record);
  }

  void Scan(const ScanRequest& request) {
    auto result = ScanIndex(*store_, request);
    if (!result.ok()) return Fatal(result.status());
    Deliver(*std::move(result));
  }

  void ScanForPurge(const PurgeRequest& request) {
    auto event = ScanPurge(*store_, request);
    if (!event.ok()) return Fatal(event.status());
    if (event->unreadable.empty()) return Deliver(*std::move(event));
    // Not on this thread, on which due jobs wait.
    listers_.Submit([this, event = *std::move(event)]() mutable {
      finding_mutex_.Lock();
      const FoundName found = FindName(event.unreadable);
      finding_mutex_.Unlock();
      if (!found.ok()) return Fatal(found.status());
      Deliver(std::move(event));
    });
  }

  void Load(const std::vector<LoadRequest>& loads) {
    std::vector<uint64_t> ids;
    ids.reserve(loads.size());
    for (const LoadRequest& load : loads) ids.push_back(load.job_id);
    // The counters come first: a job that is settled between the two reads is in flight, and in
    // flight means that nobody loads it.
    auto counters = IdReader::Open(store_, Table::kCounters, ids, kLoadChunkBytes);
    if (!counters.ok()) return Fatal(counters.status());
    auto records = IdReader::Open(store_, Table::kJobs, ids, kLoadChunkBytes);
    if (!records.ok()) return Fatal(records.status());
    LoadEvent event;
    for (size_t i = 0; i < loads.size(); ++i) {
      auto counter = counters->Take(i);
      if (!counter.ok()) return Fatal(counter.status());
      auto record = records->Take(i);
      if (!record.ok()) return Fatal(record.status());
      event.bytes += record->has_value() ? (*record)->size() : 0;
      LoadedJob job = LoadJob(ids[i], *std::move(record), *std::move(counter));
      job.load_id = loads[i].load_id;
      event.jobs.push_back(std::move(job));
      if (event.bytes >= kLoadChunkBytes) HandOver(std::exchange(event, {}));
    }
    if (!event.jobs.empty()) HandOver(std::move(event));
  }

  // Gives loaded jobs to the loop, once the loop has taken enough of the earlier ones.
  void HandOver(LoadEvent event) {
    {
      MutexLock lock(&budget_mutex_);
      while (started_ && !stopping_ && loaded_bytes_ > kMaxLoadedBytes) budget_freed_.Wait();
      loaded_bytes_ += event.bytes;
    }
    Deliver(std::move(event));
  }

  // A reader's result is on its way to the loop.
  void Deliver(Event event) {
    if (!options_.hold_result) return mailbox_.SubmitReserved(std::move(event));
    options_.hold_result(
        [this, event = std::move(event)]() mutable { mailbox_.SubmitReserved(std::move(event)); });
  }

  void FreeBudget(size_t bytes) {
    MutexLock lock(&budget_mutex_);
    loaded_bytes_ -= bytes;
    budget_freed_.SignalAll();
  }

  // Answers once what was read is durable.
  template <typename Result, typename Callback>
  void AnswerRead(Result result, Callback reply) {
    syncer_.WhenDurable(syncer_.announced(), [reply = std::move(reply), result = std::move(result)](
                                                 const absl::Status& durable) mutable {
      if (!durable.ok()) return reply(durable);
      reply(std::move(result));
    });
  }

  std::shared_ptr<const PrefixDeletes> published_deletes() const {
    MutexLock lock(&deletes_mutex_);
    return deletes_;
  }

  void Fatal(const absl::Status& status) {
    if (fatal_.exchange(true)) return;
    spdlog::critical("the store failed, the scheduler cannot go on error=\"{}\"",
                     status.ToString());
    if (options_.on_fatal) options_.on_fatal(status);
  }

  // The wall clock's time; says so if somebody set it.
  absl::Time ReadClock() {
    const absl::Duration before = clock_->Monotonic();
    const absl::Time now = clock_->Now();
    const auto step = clock_watch_.Note(before, now, clock_->Monotonic());
    if (!step.has_value()) return now;
    spdlog::warn("the wall clock was set {} by={} now={}",
                 *step > absl::ZeroDuration() ? "forward" : "back", absl::FormatDuration(*step),
                 absl::FormatTime(absl::RFC3339_full, now, absl::UTCTimeZone()));
    if (options_.on_clock_step) options_.on_clock_step(*step);
    return now;
  }

  // Constant after construction.
  Store* const store_;
  Clock* const clock_;
  const LoopOptions options_;
  bool started_ = false;

  // The loop thread's own.
  Engine engine_;
  ClockWatch clock_watch_;
  bool holding_ = false;                     // a batch waits to be written again
  std::optional<absl::Duration> stop_seen_;  // while holding: when the loop began to stop
  bool failed_ = false;
  std::thread thread_;

  // Provide their own synchronisation.
  FiringState firing_;
  Mailbox mailbox_;
  Syncer syncer_;
  TaskRunner loaders_;   // jobs about to be delivered
  TaskRunner scanners_;  // index stretches and purges
  TaskRunner listers_;   // ListJobs
  std::atomic<size_t> pending_lists_{0};
  std::atomic<WatcherId> last_watcher_id_{0};
  std::atomic<bool> fatal_{false};

  Mutex finding_mutex_;  // held while somebody looks for the job of an unreadable name

  mutable Mutex deletes_mutex_;
  std::shared_ptr<const PrefixDeletes> deletes_ ABSL_GUARDED_BY(deletes_mutex_) =
      std::make_shared<const PrefixDeletes>();

  Mutex budget_mutex_;
  CondVar budget_freed_{&budget_mutex_};  // signalled when the loop takes loaded jobs, and by Stop
  size_t loaded_bytes_ ABSL_GUARDED_BY(budget_mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(budget_mutex_) = false;
};

SchedulerLoop::SchedulerLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SchedulerLoop::~SchedulerLoop() = default;

absl::StatusOr<std::unique_ptr<SchedulerLoop>> SchedulerLoop::Open(Store* store, Clock* clock,
                                                                   LoopOptions options) {
  auto impl = std::make_unique<Impl>(store, clock, std::move(options));
  RETURN_IF_ERROR(impl->Recover());
  return std::unique_ptr<SchedulerLoop>(new SchedulerLoop(std::move(impl)));
}

void SchedulerLoop::Start() { impl_->Start(); }
absl::Status SchedulerLoop::Stop() { return impl_->Stop(); }

void SchedulerLoop::Schedule(JobKey key, dapr::proto::scheduler::v1::JobMetadata metadata,
                             dapr::proto::scheduler::v1::Job job, JobSpec spec, bool overwrite,
                             Reply reply) {
  ScheduleEvent event;
  event.job_key = EncodeJobKey(key);
  if (absl::Status warm = impl_->Warm(event.job_key, overwrite); !warm.ok()) return reply(warm);
  event.concurrency_key = metadata.concurrency_key();
  event.record =
      MakeJobRecord(key.name, std::move(metadata), std::move(job), spec).SerializeAsString();
  event.key = std::move(key);
  event.spec = std::move(spec);
  event.overwrite = overwrite;
  event.reply = std::move(reply);
  const size_t bytes = event.record.size() + event.job_key.size();
  impl_->Submit(std::move(event), bytes);
}

void SchedulerLoop::Restore(storage::v1::JobRecord record, RestoredProgress progress,
                            bool overwrite, Reply reply) {
  ScheduleEvent event;
  event.key = JobKeyOf(record.metadata(), record.name());
  event.job_key = EncodeJobKey(event.key);
  if (absl::Status warm = impl_->Warm(event.job_key, overwrite); !warm.ok()) return reply(warm);
  event.concurrency_key = record.metadata().concurrency_key();
  event.record = record.SerializeAsString();
  event.overwrite = overwrite;
  event.restored = std::move(progress);
  event.reply = std::move(reply);
  const size_t bytes = event.record.size() + event.job_key.size();
  impl_->Submit(std::move(event), bytes);
}

absl::Status SchedulerLoop::SyncNow() { return impl_->SyncNow(); }

void SchedulerLoop::Delete(JobKey key, Reply reply) {
  DeleteEvent event;
  event.job_key = EncodeJobKey(key);
  if (absl::Status warm = impl_->Warm(event.job_key, true); !warm.ok()) return reply(warm);
  event.key = std::move(key);
  event.reply = std::move(reply);
  const size_t bytes = event.job_key.size();
  impl_->Submit(std::move(event), bytes);
}

void SchedulerLoop::DeletePrefix(std::string prefix, Reply reply) {
  const size_t bytes = prefix.size();
  impl_->Submit(DeletePrefixEvent{std::move(prefix), std::move(reply)}, bytes);
}

void SchedulerLoop::Get(JobKey key, GetReply reply) { impl_->Get(key, std::move(reply)); }

void SchedulerLoop::List(std::string prefix, size_t max_bytes, ListReply reply) {
  impl_->List(std::move(prefix), max_bytes, std::move(reply));
}

WatcherId SchedulerLoop::AddWatcher(std::shared_ptr<Watcher> watcher,
                                    std::vector<TargetKey> targets,
                                    std::vector<ConcurrencyLimit> limits) {
  const WatcherId id = impl_->NewWatcherId();
  impl_->SubmitReserved(
      AddWatcherEvent{id, std::move(watcher), std::move(targets), std::move(limits)});
  return id;
}

void SchedulerLoop::RemoveWatcher(WatcherId id) { impl_->SubmitReserved(RemoveWatcherEvent{id}); }

void SchedulerLoop::Settle(WatcherId id, uint64_t trigger_id, Outcome outcome) {
  impl_->SubmitAnswer(SettleEvent{id, trigger_id, outcome});
}

void SchedulerLoop::WatcherDrained(WatcherId id) { impl_->SubmitReserved(WatcherDrainedEvent{id}); }

void SchedulerLoop::ReadLimits(absl::AnyInvocable<void(std::vector<LimitState>)> reply) {
  impl_->SubmitReserved(ReadLimitsEvent{std::move(reply)});
}

absl::Duration SchedulerLoop::RunOnce() { return impl_->RunOnce(); }
bool SchedulerLoop::RunReaders() { return impl_->RunReaders(); }
bool SchedulerLoop::RunReader(Reader reader) { return impl_->RunReader(reader); }
bool SchedulerLoop::RunSyncer() { return impl_->RunSyncer(); }
void SchedulerLoop::CheckInvariants() const { impl_->engine().CheckInvariants(); }
size_t SchedulerLoop::resident_count() const { return impl_->engine().resident_count(); }
Firing SchedulerLoop::firing() const { return impl_->firing(); }

}  // namespace belfry
