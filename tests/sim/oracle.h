#pragma once

// Oracle: a naive model of what the scheduler promises. It is told what clients ask for and what
// the loop takes from its mailbox, and judges every reply, every trigger and what is found when
// nothing is left to do. It shares no code with the engine.
//
// It knows three states. `now` is what the events taken so far have made; `written` is what a
// killed process finds again; `durable` is what a power cut leaves.
// Not thread-safe.

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "belfry/storage/v1/records.pb.h"
#include "scheduler/engine/watcher.h"
#include "scheduler/loop/encoded_list.h"
#include "tests/sim/job_plan.h"
#include "tests/sim/journal.h"
#include "tests/sim/population.h"

namespace belfry::sim {

// A job that exists, and how far it has come.
struct LiveJob {
  std::shared_ptr<const JobPlan> plan;
  uint64_t revision = 0;
  uint32_t settled = 0;
  std::optional<absl::Time> last;
  uint32_t attempts = 0;
  absl::Time tick;
  absl::Time due;  // the tick, or its retry
};

// The jobs at one moment. `changed` holds the turn in which a name was last created or ended.
struct State {
  std::map<Name, LiveJob> live;
  std::map<Name, uint64_t> changed;

  uint64_t ChangedIn(const Area& area) const;
  uint64_t ChangedOf(const Name& name) const;
};

// A change that a client asked for.
struct Request {
  enum class Kind { kSchedule, kDelete, kDeleteArea };
  Kind kind = Kind::kSchedule;
  uint64_t number = 0;
  Name name;
  Area area;
  std::shared_ptr<const JobPlan> plan;
  uint64_t revision = 0;
  bool overwrite = false;
  // What became of it.
  bool taken = false;  // by the loop
  int answers = 0;
  absl::StatusCode expected = absl::StatusCode::kOk;
  uint64_t told_turn = 0;  // the change that the reply tells of was made in this turn
};

// A Get that is under way, with everything that it may truthfully show.
struct GetCall {
  struct View {
    uint64_t revision = 0;  // 0: there is none
    uint64_t turn = 0;
    std::shared_ptr<const JobPlan> plan;
  };
  Name name;
  std::vector<View> views;
  int answers = 0;
};

struct ListCall {
  Area area;
  bool tiny = false;                  // asked for no more than a byte
  std::shared_ptr<const State> view;  // set when the scheduler takes its snapshot
  int answers = 0;
};

class Oracle {
 public:
  explicit Oracle(Journal* journal) : journal_(journal) {}

  // The loop's turn: it begins, takes events in order, writes or does not, ends. A turn that only
  // writes the last one's batch again does not begin anew.
  void BeginTurn() { ++turn_; }
  void Take(Request& request, bool refuses_new_work);
  void TakeWatcher(WatcherId id, std::set<int> groups, std::vector<SimLimit> limits);
  void TakeEnd(WatcherId id);
  void TakeAnswer(WatcherId id, uint64_t trigger, bool success, absl::Time now);
  void Written();
  void EndTurn(bool holding);

  // Nothing is on its way to a watcher.
  void Rested() { allowed_.clear(); }

  void Synced();
  // The process ended and begins again with what it finds.
  void Restarted(bool power_lost);

  // What the scheduler did. `latest` is the latest wall clock time that it can have acted upon.
  void Sent(WatcherId id, const dapr::proto::scheduler::v1::WatchJobsResponse& message,
            absl::Time latest);
  // `stopping`: the process is ending, so Unavailable is an answer too.
  void Replied(Request& request, const absl::Status& status, bool stopping);
  void BeginGet(GetCall* call);
  void EndGet(GetCall* call);
  void Got(GetCall& call, const absl::StatusOr<storage::v1::JobRecord>& record, bool stopping);
  void Listed(ListCall& call, const absl::StatusOr<EncodedList>& jobs, bool stopping);

  const State& now() const { return now_; }
  std::shared_ptr<const State> written() const { return written_; }
  bool all_durable() const { return durable_ == written_; }
  bool in_flight(const Name& name) const { return in_flight_.contains(name); }
  // Triggers that a watcher has not answered, as far as the loop knows.
  size_t unanswered(WatcherId id) const;
  // Whether the limits of now let another trigger of the job out.
  bool HasSlots(const Name& name) const;
  // Whether a try of the job's current tick was lost with its watcher.
  bool was_undelivered(const Name& name) const { return undelivered_.contains(name); }
  uint64_t sends() const { return sends_; }

 private:
  struct Trigger {
    Name name;
    uint64_t revision = 0;
    std::string key;  // concurrency key
  };
  struct Seat {
    std::set<int> groups;
    std::vector<SimLimit> limits;
    std::map<uint64_t, Trigger> triggers;  // by id
    uint64_t last_trigger = 0;
  };
  // Group and concurrency key; an empty key stands for all jobs of the group.
  using Gate = std::pair<int, std::string>;
  struct Limit {
    size_t max = 0;
    int seats = 0;  // that declared it
  };
  static constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

  void TakeSchedule(Request& request);
  void Create(const Request& request, absl::Time first);
  void End(const Name& name);
  void NoteChange(const Name& name);
  GetCall::View ViewOf(const State& state, const Name& name) const;
  void CheckTold(const std::string& what, uint64_t turn);
  size_t LimitOf(const Gate& gate) const;
  // Unanswered triggers that a gate lets through.
  size_t Taken(const Gate& gate) const;
  void CheckLimit(const std::string& what, const Gate& gate);

  Journal* const journal_;
  uint64_t turn_ = 0;
  State now_;
  bool changed_ = false;  // now_ differs from *written_
  std::shared_ptr<const State> written_ = std::make_shared<State>();
  std::shared_ptr<const State> durable_ = written_;
  // As of the end of the last turn: what other threads can have been told of.
  std::shared_ptr<const State> published_ = written_;
  uint64_t written_turn_ = 0;
  uint64_t durable_turn_ = 0;

  std::map<WatcherId, Seat> seats_;
  std::map<Gate, Limit> limits_;
  // The most that each gate has let out in a turn since everything was at rest: what is on its way
  // may have set out under that limit.
  std::map<Gate, size_t> allowed_;
  std::set<Name> in_flight_;
  std::set<Name> undelivered_;
  std::vector<std::pair<Name, GetCall::View>> turn_changes_;
  std::vector<GetCall*> gets_;
  uint64_t sends_ = 0;
};

}  // namespace belfry::sim
