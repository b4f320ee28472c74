#pragma once

// ManualScheduler: loop, engine and a MemoryStore on one thread, driven by hand, with watchers that
// record what they receive. Nothing happens until RunUntilIdle or Advance.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scheduler/loop/scheduler_loop.h"
#include "storage/memory_store.h"
#include "tests/support/fake_clock.h"

namespace belfry {

class RecordingWatcher final : public Watcher {
 public:
  void Send(dapr::proto::scheduler::v1::WatchJobsResponse trigger) override {
    unsent_ += count_unsent ? trigger.ByteSizeLong() : 0;
    triggers.push_back(std::move(trigger));
  }
  void GiveUp(uint64_t trigger_id) override { given_up.push_back(trigger_id); }
  size_t unsent_bytes() const override { return unsent_; }
  void Drain() { unsent_ = 0; }

  WatcherId id = 0;
  bool count_unsent = false;  // as if the network took nothing
  std::vector<dapr::proto::scheduler::v1::WatchJobsResponse> triggers;
  std::vector<uint64_t> given_up;

 private:
  size_t unsent_ = 0;
};

// A job in few words; the texts are those of the API.
struct JobText {
  std::optional<std::string> schedule = {};
  std::optional<std::string> due_time = {};
  std::optional<std::string> ttl = {};
  std::optional<uint32_t> repeats = {};
  std::string data = {};
  std::string concurrency_key = {};
  std::function<void(dapr::proto::common::v1::JobFailurePolicy*)> policy = {};
};

class ManualScheduler {
 public:
  explicit ManualScheduler(const char* start = "2024-04-24T11:00:00.25Z", const Limits& with = {});
  explicit ManualScheduler(const Limits& with);

  // Requests of app "app" in namespace "ns", or of an actor type, unless others are named; the
  // answer once it is known.
  absl::Status Schedule(const std::string& name, const JobText& job, bool overwrite = false);
  // As Schedule, with the answer left to come; empty while it has not.
  std::shared_ptr<std::optional<absl::Status>> Submit(const std::string& name, const JobText& job,
                                                      bool overwrite = false);
  absl::Status Delete(const std::string& name);
  absl::Status DeletePrefix(const std::string& name_prefix);
  absl::StatusOr<storage::v1::JobRecord> Get(const std::string& name);
  std::vector<std::string> List();

  // Connects a watcher of the app, or of the actor type.
  std::shared_ptr<RecordingWatcher> Watch(std::vector<ConcurrencyLimit> declared = {});
  void Unwatch(const RecordingWatcher& watcher);
  void Answer(const RecordingWatcher& watcher, uint64_t trigger_id,
              Outcome outcome = Outcome::kSuccess);

  // Lets everything happen that can happen now; invariants are checked after every turn.
  void RunUntilIdle();
  // The same without syncing.
  void RunWithoutSync();
  // Lets time pass in one step.
  void Advance(absl::Duration duration);
  // Moves to an instant that is not past.
  void AdvanceTo(absl::Time time);

  // The process is killed, or the power fails, and starts again. Watchers are gone.
  void Kill();
  void LosePower();

  dapr::proto::scheduler::v1::JobMetadata Metadata() const;
  TargetKey Target() const;

  std::string app = "app";
  std::string ns = "ns";
  Limits limits;           // of this start and of those to come
  std::string actor_type;  // unless empty, jobs are reminders of its actor "1"
  FakeClock clock;
  MemoryStore store;
  std::unique_ptr<SchedulerLoop> loop;
  absl::Status fatal;
  std::vector<absl::Duration> clock_steps;  // that the loop has told of
  size_t unreceived = 0;                    // jobs that the loop has told of
  size_t quarantined_count = 0;             // records that the loop has told of

 private:
  void Open();
  // Ends the loop as abruptly as a crash does.
  void End(const char* why);
};

}  // namespace belfry
