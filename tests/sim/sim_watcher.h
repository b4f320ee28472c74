#pragma once

// SimWatcher: a watcher that answers as it was drawn to: in time, late, never, twice, with ids that
// it never got; and whose network may take nothing for a while.
// Not thread-safe.

#include <utility>
#include <vector>

#include "scheduler/engine/watcher.h"
#include "tests/support/random.h"

namespace belfry::sim {

// Chances in a thousand for each answer.
struct Manners {
  int fails = 0;
  int forgets = 0;  // never answers
  int repeats = 0;  // answers again later
  bool clogs = false;

  static Manners Draw(Random& random) {
    static const std::vector<int> kChances = {0, 0, 50, 300, 900};
    Manners manners;
    manners.fails = random.Pick(kChances);
    manners.forgets = random.OneIn(2) ? 0 : random.Between(1, 200);
    manners.repeats = random.OneIn(2) ? 0 : random.Between(1, 300);
    manners.clogs = random.OneIn(4);
    return manners;
  }
};

class SimWatcher final : public Watcher {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    virtual void Triggered(SimWatcher& watcher,
                           const dapr::proto::scheduler::v1::WatchJobsResponse& trigger) = 0;
  };

  // `host` is borrowed.
  SimWatcher(Host* host, std::vector<int> its_groups, Manners its_manners)
      : groups(std::move(its_groups)), manners(its_manners), host_(host) {}

  void Send(dapr::proto::scheduler::v1::WatchJobsResponse trigger) override {
    host_->Triggered(*this, trigger);
  }
  size_t unsent_bytes() const override { return unsent; }

  const std::vector<int> groups;
  Manners manners;
  WatcherId id = 0;
  bool is_gone = false;
  size_t unsent = 0;
  std::vector<uint64_t> unanswered;  // triggers that it may still answer

 private:
  Host* const host_;
};

}  // namespace belfry::sim
