#pragma once

// World: one run. The scheduler's loop with its readers and its syncer, a disk, clients, watchers
// and a clock, all on one thread: whose turn it is, and what goes wrong, is drawn from the seed.
//
// First everything may break, and only safety is judged. Then nothing breaks any more, and what is
// due must be delivered in bounded time. At last all jobs are deleted, and nothing may be left.
// Not thread-safe.

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "scheduler/loop/scheduler_loop.h"
#include "tests/sim/disk.h"
#include "tests/sim/journal.h"
#include "tests/sim/oracle.h"
#include "tests/sim/settings.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_store.h"
#include "tests/sim/sim_watcher.h"

namespace belfry::sim {

class World final : private SimStore::Host, private SimWatcher::Host {
 public:
  // `journal` is borrowed. `check_engine`: let the engine check its own invariants too.
  World(const Settings& settings, Random random, std::unique_ptr<Disk> disk, bool check_engine,
        Journal* journal);
  ~World() override;

  // The whole run; its verdict is in the journal.
  void Run();

  uint64_t sends() const { return oracle_.sends(); }
  int ends() const { return ends_; }

 private:
  // How a process ended.
  enum class End { kNone, kKilled, kPowerLost, kStoreFailed };
  using Reader = SchedulerLoop::Reader;

  // An event on its way to the loop, as the oracle will be told of it.
  struct Mail {
    bool is_request = false;
    std::function<void(absl::Time now)> take;
  };

  // The process (world.cc).
  void Open();
  void Restart();
  void StopCleanly();
  void MayEnd();
  bool over() const { return end_ != End::kNone || journal_->failed(); }
  absl::Status BeforeCall(StoreCall call) override;
  absl::Status AfterCall(StoreCall call) override;
  // Ends the process, maybe; an error if it has ended.
  absl::Status EndedIn(StoreCall call);

  // Its threads (world.cc).
  void Turn();
  bool RunReader(Reader reader);
  bool RunAnyReader();
  bool HandOver(bool may_hold);
  bool RunSyncer();
  void RunSomething();
  void OtherThreads();

  // Clients and watchers (world_clients.cc).
  void DoSomething();
  void Schedule();
  void Delete();
  void DeleteArea(const Area& area);
  void Submit(const std::shared_ptr<Request>& request, const std::function<void(Reply)>& call);
  void Replied(Request& request, const absl::Status& status);
  void Get();
  void List();
  std::vector<int> DrawGroups(int first);
  std::vector<SimLimit> DrawLimits();
  void Connect(std::vector<int> groups, bool is_good);
  void Disconnect(SimWatcher& watcher);
  void Answer(SimWatcher& watcher);
  void AnswerAll(SimWatcher& watcher);
  void AnswerNonsense();
  void Drain(SimWatcher& watcher);
  SimWatcher* AnyWatcher();
  void Triggered(SimWatcher& watcher,
                 const dapr::proto::scheduler::v1::WatchJobsResponse& trigger) override;

  // The course of the run (world_phases.cc).
  void Break();
  void Heal();
  void Clear();
  void Step();
  void PassTime();
  void SetClock();
  std::optional<absl::Time> NextDue();
  bool Rest(bool sync);
  void CheckAtRest(bool strict);
  void CheckDispatched(bool strict);
  void CheckAnswered();
  bool HasCredit(int group) const;

  const Settings settings_;
  Random random_;
  const std::unique_ptr<Disk> disk_;
  const bool check_engine_;
  Journal* const journal_;
  Oracle oracle_;
  SimClock clock_;
  SimStore store_;
  std::unique_ptr<SchedulerLoop> loop_;

  bool faults_ = true;
  End end_ = End::kNone;
  int ends_ = 0;
  bool opening_ = false;
  bool stopping_ = false;
  bool write_failed_ = false;  // the store failed in a write
  bool stalled_ = false;       // the store puts writes off now and then

  // Of the running process.
  std::deque<Mail> mailbox_;
  // Readers' results on their way.
  struct Held {
    Reader reader;
    absl::AnyInvocable<void()> hand_over;
  };
  std::vector<Held> held_;
  bool in_turn_ = false;
  bool holding_ = false;  // the last turn's batch waits to be written
  bool syncing_ = false;
  std::array<int, 3> reading_ = {};   // threads of each kind that are in the middle of a read
  Reader reader_ = Reader::kScanner;  // the one that is running
  int depth_ = 0;
  absl::Duration sleep_;  // that the last turn asked for
  // The latest time that something which is still on its way can have been started at.
  absl::Time latest_;
  absl::Duration dirty_since_;  // monotonic time of the first write after the last sync

  uint64_t last_request_ = 0;
  uint64_t last_revision_ = 0;
  std::vector<std::shared_ptr<Request>> requests_;  // not answered, as far as the world knows
  std::vector<std::shared_ptr<GetCall>> gets_;
  std::deque<std::shared_ptr<ListCall>> lists_;  // waiting for their reader
  std::vector<std::shared_ptr<ListCall>> list_calls_;
  std::shared_ptr<ListCall> list_running_;
  Request* submitting_ = nullptr;
  std::vector<std::shared_ptr<SimWatcher>> watchers_;
};

}  // namespace belfry::sim
