#include "scheduler/engine/watch_registry.h"

#include <catch2/catch.hpp>

#include "scheduler/base/limits.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

TEST_CASE("turns go round in the order in which watchers came") {
  WatchRegistry registry;
  for (WatcherId id : {1, 2, 3}) registry.Add(id, std::make_shared<RecordingWatcher>(), {7});
  std::vector<WatcherId> order;
  for (int i = 0; i < 6; ++i) order.push_back(*registry.Reserve(7));
  REQUIRE(order == std::vector<WatcherId>{1, 2, 3, 1, 2, 3});
}

TEST_CASE("a watcher that leaves does not cost another its turn") {
  WatchRegistry registry;
  for (WatcherId id : {1, 2, 3}) registry.Add(id, std::make_shared<RecordingWatcher>(), {7});
  REQUIRE(registry.Reserve(7) == 1);
  REQUIRE(registry.Reserve(7) == 2);
  std::vector<WatchRegistry::Unanswered> unanswered;
  REQUIRE(registry.Remove(1, &unanswered) == std::vector<uint32_t>{7});
  REQUIRE(registry.Reserve(7) == 3);
  REQUIRE(registry.Reserve(7) == 2);
}

TEST_CASE("a target named twice gets two turns and is removed whole") {
  WatchRegistry registry;
  registry.Add(1, std::make_shared<RecordingWatcher>(), {7, 7});
  registry.Add(2, std::make_shared<RecordingWatcher>(), {7});
  std::vector<WatcherId> order;
  for (int i = 0; i < 3; ++i) order.push_back(*registry.Reserve(7));
  REQUIRE(order == std::vector<WatcherId>{1, 1, 2});
  std::vector<WatchRegistry::Unanswered> unanswered;
  registry.Remove(1, &unanswered);
  REQUIRE(registry.Reserve(7) == 2);
  registry.Remove(2, &unanswered);
  REQUIRE_FALSE(registry.HasWatchers(7));
}

TEST_CASE("a stream with too many unsent bytes is passed over until it drains") {
  WatchRegistry registry;
  auto full = std::make_shared<RecordingWatcher>();
  full->count_unsent = true;
  registry.Add(1, full, {7});
  registry.Add(2, std::make_shared<RecordingWatcher>(), {7});
  dapr::proto::scheduler::v1::WatchJobsResponse big;
  big.mutable_data()->set_value(std::string(kMaxUnsentBytesPerWatcher, 'x'));
  full->Send(big);
  REQUIRE(registry.Reserve(7) == 2);
  REQUIRE(registry.Reserve(7) == 2);
  full->Drain();
  REQUIRE(registry.Reserve(7) == 1);
}

TEST_CASE("triggers count from 1 and are answered once") {
  WatchRegistry registry;
  registry.Add(1, std::make_shared<RecordingWatcher>(), {7});
  REQUIRE(registry.Reserve(7) == 1);
  REQUIRE(registry.Reserve(7) == 1);
  REQUIRE(registry.Assign(1, {100, 4}, 1) == 1);
  REQUIRE(registry.Assign(1, {200, 5}, 1) == 2);
  REQUIRE(registry.UnansweredByGroup() == absl::flat_hash_map<uint32_t, size_t>{{4, 1}, {5, 1}});
  const auto released = registry.Release(1, 2);
  REQUIRE(released.has_value());
  REQUIRE(released->job_id == 200);
  REQUIRE(released->group_id == 5);
  REQUIRE_FALSE(registry.Release(1, 2).has_value());
  REQUIRE_FALSE(registry.Release(1, 9).has_value());
  REQUIRE_FALSE(registry.Release(5, 1).has_value());
  std::vector<WatchRegistry::Unanswered> unanswered;
  registry.Remove(1, &unanswered);
  REQUIRE(unanswered.size() == 1);
  REQUIRE(unanswered[0].trigger.job_id == 100);
}

}  // namespace
}  // namespace belfry
