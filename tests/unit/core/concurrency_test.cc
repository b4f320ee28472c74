// Concurrency limits: how many triggers of a target, or of one concurrency key, are unanswered at a
// time, and who comes next when a slot is free.

#include <catch2/catch.hpp>

#include "scheduler/base/limits.h"
#include "spdlog/fmt/fmt.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

// Reminders of actor type "Cart".
class Limited : public ManualScheduler {
 public:
  Limited() { actor_type = "Cart"; }

  // A limit of the type, or of a key within it.
  ConcurrencyLimit Limit(size_t max, std::string key = "") const { return {Target(), key, max}; }

  // A one-shot that is due now.
  void Add(const std::string& name, const std::string& key = "", bool overwrite = false) {
    REQUIRE(Schedule(name, {.due_time = "0s", .concurrency_key = key}, overwrite).ok());
    clock.Advance(absl::Microseconds(1));  // the next one is later
  }

  static std::vector<std::string> Names(const RecordingWatcher& watcher) {
    std::vector<std::string> names;
    for (const auto& trigger : watcher.triggers) names.push_back(trigger.name());
    return names;
  }
};

using Names = std::vector<std::string>;

TEST_CASE("a type's limit holds for all its jobs") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(2)});
  for (const char* name : {"a", "b", "c", "d"}) scheduler.Add(name, name);
  REQUIRE(scheduler.Names(*watcher) == Names{"a", "b"});
  scheduler.Answer(*watcher, 2);
  REQUIRE(scheduler.Names(*watcher) == Names{"a", "b", "c"});
  scheduler.Answer(*watcher, 1);
  scheduler.Answer(*watcher, 3);
  REQUIRE(scheduler.Names(*watcher) == Names{"a", "b", "c", "d"});
}

TEST_CASE("a key's limit holds for the jobs with that key, and holds up no others") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(1, "hot")});
  scheduler.Add("hot1", "hot");
  scheduler.Add("hot2", "hot");
  scheduler.Add("cold", "cold");
  scheduler.Add("none");
  REQUIRE(scheduler.Names(*watcher) == Names{"hot1", "cold", "none"});
  REQUIRE(watcher->triggers[1].metadata().concurrency_key() == "cold");
  scheduler.Answer(*watcher, 1);
  REQUIRE(watcher->triggers.back().name() == "hot2");
}

// All slots of a finished trigger are free before any is handed out again: a job that waited for
// the key's slot and the type's slot gets both at once.
TEST_CASE("one answer frees the slots of type and key together") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(1), scheduler.Limit(1, "hot")});
  scheduler.Add("w1", "hot");
  scheduler.Add("w2", "hot");
  scheduler.Add("w3", "hot");
  for (uint64_t answered = 1; answered <= 3; ++answered) {
    REQUIRE(watcher->triggers.size() == answered);
    scheduler.Answer(*watcher, answered);
  }
  REQUIRE(scheduler.Names(*watcher) == Names{"w1", "w2", "w3"});
}

TEST_CASE("a job that lacks one slot takes none of the others") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(2), scheduler.Limit(1, "hot")});
  scheduler.Add("hot1", "hot");
  scheduler.Add("hot2", "hot");  // must not occupy the type's second slot while it waits
  scheduler.Add("cold1");
  REQUIRE(scheduler.Names(*watcher) == Names{"hot1", "cold1"});
}

TEST_CASE("of those that wait the one that was due first comes first, whatever its key") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(1)});
  for (const char* name : {"first", "b", "a", "c", "a2"}) {
    scheduler.Add(name, std::string(name).substr(0, 1));
  }
  for (uint64_t answered = 1; answered <= 5; ++answered) scheduler.Answer(*watcher, answered);
  REQUIRE(scheduler.Names(*watcher) == Names{"first", "b", "a", "c", "a2"});
}

TEST_CASE("the oldest job that can have all its slots goes before younger ones") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(2), scheduler.Limit(1, "hot")});
  scheduler.Add("hot1", "hot");
  scheduler.Add("x");
  scheduler.Add("hot2", "hot");
  scheduler.Add("y");
  scheduler.Answer(*watcher, 2);  // a slot of the type, none of the key
  REQUIRE(watcher->triggers.back().name() == "y");
  scheduler.Add("z");
  scheduler.Answer(*watcher, 1);  // both
  REQUIRE(watcher->triggers.back().name() == "hot2");
}

TEST_CASE("a failure frees the slot, and the retry waits for one again") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(1)});
  scheduler.Add("fails");
  scheduler.Add("next");
  scheduler.Answer(*watcher, 1, Outcome::kFailed);
  REQUIRE(scheduler.Names(*watcher) == Names{"fails", "next"});
  scheduler.Advance(absl::Seconds(5));  // the retry is due
  REQUIRE(watcher->triggers.size() == 2);
  scheduler.Answer(*watcher, 2);
  REQUIRE(scheduler.Names(*watcher) == Names{"fails", "next", "fails"});
}

TEST_CASE("a stream that ends frees its slots, and its triggers wait like others") {
  Limited scheduler;
  auto dying = scheduler.Watch({scheduler.Limit(2)});
  scheduler.Add("a");
  scheduler.Add("b");
  scheduler.Add("c");
  REQUIRE(scheduler.Names(*dying) == Names{"a", "b"});
  auto watcher = scheduler.Watch({scheduler.Limit(2)});
  scheduler.Unwatch(*dying);
  REQUIRE(scheduler.Names(*watcher) == Names{"a", "b"});
  scheduler.Answer(*watcher, 1);
  REQUIRE(scheduler.Names(*watcher) == Names{"a", "b", "c"});
}

// The app goes on with what it was given, so its slot is taken until it answers.
TEST_CASE("a job that is deleted or overwritten while in flight keeps its slot until the answer") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(1, "hot")});
  scheduler.Add("job", "hot");
  scheduler.Add("job", "hot", /*overwrite=*/true);
  REQUIRE(watcher->triggers.size() == 1);
  scheduler.Answer(*watcher, 1);
  REQUIRE(watcher->triggers.size() == 2);
  REQUIRE(scheduler.Delete("job").ok());
  scheduler.Add("other", "hot");
  REQUIRE(watcher->triggers.size() == 2);
  scheduler.Answer(*watcher, 2);
  REQUIRE(watcher->triggers.back().name() == "other");
}

TEST_CASE("the last stream to declare a limit sets it, and it lasts as long as one is left") {
  Limited scheduler;
  auto first = scheduler.Watch({scheduler.Limit(1)});
  scheduler.Add("a");
  scheduler.Add("b");
  scheduler.Add("c");
  scheduler.Add("d");
  scheduler.Add("e");
  REQUIRE(first->triggers.size() == 1);
  auto second = scheduler.Watch({scheduler.Limit(3)});
  REQUIRE(first->triggers.size() + second->triggers.size() == 3);
  auto third = scheduler.Watch();  // declares nothing, changes nothing
  scheduler.Unwatch(*second);
  // What the second had not answered moves on; three are unanswered still.
  const auto unanswered = [&] { return first->triggers.size() + third->triggers.size(); };
  REQUIRE(unanswered() == 3);
  scheduler.Unwatch(*first);
  scheduler.Advance(absl::Seconds(1));  // what was undelivered twice pauses
  // Nobody limits any more.
  REQUIRE(third->triggers.size() == 5);
}

TEST_CASE("a lower limit takes nothing back, and lets nothing out until it is kept") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(3)});
  for (const char* name : {"a", "b", "c", "d", "e"}) scheduler.Add(name);
  REQUIRE(watcher->triggers.size() == 3);
  scheduler.loop->AddWatcher(std::make_shared<RecordingWatcher>(), {}, {scheduler.Limit(1)});
  scheduler.RunUntilIdle();
  scheduler.Answer(*watcher, 1);
  scheduler.Answer(*watcher, 2);
  REQUIRE(watcher->triggers.size() == 3);
  scheduler.Answer(*watcher, 3);
  REQUIRE(watcher->triggers.size() == 4);
}

TEST_CASE("limits of other types and namespaces do not matter") {
  Limited scheduler;
  ConcurrencyLimit type = scheduler.Limit(1);
  type.target.name = "Cart2";
  ConcurrencyLimit ns = scheduler.Limit(1);
  ns.target.ns = "ns2";
  ConcurrencyLimit app = scheduler.Limit(1);
  app.target.kind = TargetKind::kApp;
  auto watcher = scheduler.Watch({type, ns, app});
  scheduler.Add("a");
  scheduler.Add("b");
  REQUIRE(watcher->triggers.size() == 2);
}

TEST_CASE("jobs of an app can have limits too") {
  Limited scheduler;
  scheduler.actor_type.clear();
  auto watcher = scheduler.Watch({scheduler.Limit(2), scheduler.Limit(1, "hot")});
  scheduler.Add("hot1", "hot");
  scheduler.Add("hot2", "hot");
  scheduler.Add("b");
  scheduler.Add("c");
  REQUIRE(scheduler.Names(*watcher) == Names{"hot1", "b"});
}

// However many wait, none is given up, none counts as failed, and memory does not grow with them.
TEST_CASE("a limit that is far too low keeps its jobs waiting") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(1, "hot")});
  const size_t jobs = 3 * kMaxWindowEntries;
  std::vector<std::shared_ptr<std::optional<absl::Status>>> answers;
  for (size_t i = 0; i < jobs; ++i) {
    answers.push_back(scheduler.Submit(fmt::format("job{}", i),
                                       {.due_time = "0s",
                                        .concurrency_key = "hot",
                                        .policy = [](auto* policy) { policy->mutable_drop(); }}));
    if (i % 1000 == 0) scheduler.RunUntilIdle();
  }
  scheduler.RunUntilIdle();
  for (const auto& answer : answers) REQUIRE((answer->has_value() && (*answer)->ok()));
  REQUIRE(scheduler.loop->resident_count() <= kMaxWindowEntries + 1);
  for (uint64_t i = 1; i <= 100; ++i) {
    REQUIRE(watcher->triggers.size() == i);
    scheduler.Answer(*watcher, i);
  }
  REQUIRE(scheduler.List().size() == jobs - 100);
}

TEST_CASE("a job with a key is found again, changed and deleted like any other") {
  Limited scheduler;
  REQUIRE(scheduler.Schedule("job", {.due_time = "1h", .concurrency_key = "a"}).ok());
  REQUIRE(scheduler.Get("job")->metadata().concurrency_key() == "a");
  REQUIRE(absl::IsAlreadyExists(scheduler.Schedule("job", {.due_time = "1h"})));
  // Its entry moves to the group of the other key.
  REQUIRE(scheduler.Schedule("job", {.due_time = "2s", .concurrency_key = "b"}, true).ok());
  scheduler.Kill();
  auto watcher = scheduler.Watch();
  scheduler.Advance(absl::Seconds(3));
  REQUIRE(watcher->triggers.size() == 1);
  REQUIRE(scheduler.Delete("job").ok());
  REQUIRE(scheduler.List().empty());
  scheduler.Add("other", "a");
  REQUIRE(scheduler.DeletePrefix("o").ok());
  REQUIRE(scheduler.List().empty());
  scheduler.Advance(absl::Hours(2));
  REQUIRE(watcher->triggers.size() == 2);
}

TEST_CASE("a limit tells how many are unanswered, wait, and have waited") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(3), scheduler.Limit(1, "hot")});
  const auto read = [&] {
    std::vector<LimitState> states;
    scheduler.loop->ReadLimits([&](std::vector<LimitState> result) { states = std::move(result); });
    scheduler.RunUntilIdle();
    REQUIRE(states.size() == 2);
    REQUIRE(states[0].limit.target == scheduler.Target());
    REQUIRE(states[0].limit.concurrency_key.empty());
    REQUIRE(states[1].limit.concurrency_key == "hot");
    using Numbers = std::vector<uint64_t>;
    return std::pair{Numbers{states[0].unanswered, states[0].pending, states[0].throttled},
                     Numbers{states[1].unanswered, states[1].pending, states[1].throttled}};
  };
  using Numbers = std::pair<std::vector<uint64_t>, std::vector<uint64_t>>;
  REQUIRE(read() == Numbers{{0, 0, 0}, {0, 0, 0}});
  for (const char* name : {"hot1", "hot2", "hot3"}) scheduler.Add(name, "hot");
  // The type has slots left: what waits waits for the key.
  REQUIRE(read() == Numbers{{1, 0, 0}, {1, 2, 1}});
  for (const char* name : {"a", "b", "c"}) scheduler.Add(name);
  REQUIRE(read() == Numbers{{3, 3, 1}, {1, 2, 1}});
  scheduler.Answer(*watcher, 1);
  REQUIRE(watcher->triggers.back().name() == "hot2");
  REQUIRE(read() == Numbers{{3, 2, 1}, {1, 1, 2}});
  // Far-away jobs don't wait yet.
  REQUIRE(scheduler.Schedule("far", {.due_time = "1h", .concurrency_key = "hot"}).ok());
  REQUIRE(read() == Numbers{{3, 2, 1}, {1, 1, 2}});
}

TEST_CASE("limits and progress of keyed jobs survive a power cut") {
  Limited scheduler;
  auto watcher = scheduler.Watch({scheduler.Limit(1, "hot")});
  REQUIRE(scheduler.Schedule("a", {.schedule = "@every 1s", .concurrency_key = "hot"}).ok());
  REQUIRE(scheduler.Schedule("b", {.schedule = "@every 1s", .concurrency_key = "hot"}).ok());
  scheduler.Advance(absl::Seconds(1));
  scheduler.Answer(*watcher, 1);
  scheduler.Advance(absl::Seconds(2));  // beyond --max-unsynced
  scheduler.LosePower();
  watcher = scheduler.Watch({scheduler.Limit(1, "hot")});
  // "b" has been waiting since the first second.
  REQUIRE(scheduler.Names(*watcher) == Names{"b"});
  scheduler.Answer(*watcher, 1);
  REQUIRE(watcher->triggers.back().name() == "a");
}

size_t GroupRecords(const Store& store) {
  size_t count = 0;
  REQUIRE(store
              .Scan({Table::kGroups, "", ""},
                    [&](auto, auto) {
                      ++count;
                      return true;
                    })
              .ok());
  return count;
}

TEST_CASE("groups of keys that nobody uses any more are given up") {
  Limited scheduler;
  auto watcher = scheduler.Watch();
  const size_t keys = 3 * kIdleGroupsPerTarget;
  for (size_t i = 0; i < keys; ++i) {
    scheduler.Add(fmt::format("job{}", i), fmt::format("key{}", i));
    scheduler.Answer(*watcher, i + 1);
  }
  REQUIRE(watcher->triggers.size() == keys);
  REQUIRE(GroupRecords(scheduler.store) <= kIdleGroupsPerTarget + 1);
  // A key that was given up can come back, also after a restart.
  scheduler.Add("again", "key0");
  scheduler.Kill();
  watcher = scheduler.Watch();
  REQUIRE(scheduler.Names(*watcher) == Names{"again"});
}

TEST_CASE("a group whose jobs are waiting is not given up") {
  Limited scheduler;
  for (size_t i = 0; i < 2 * kIdleGroupsPerTarget; ++i) {
    REQUIRE(scheduler
                .Schedule(fmt::format("job{}", i),
                          {.due_time = "1h", .concurrency_key = fmt::format("key{}", i)})
                .ok());
  }
  auto watcher = scheduler.Watch();
  REQUIRE(GroupRecords(scheduler.store) == 2 * kIdleGroupsPerTarget);
  scheduler.Advance(absl::Hours(1));
  REQUIRE(watcher->triggers.size() == 2 * kIdleGroupsPerTarget);
}

TEST_CASE("a target has so many concurrency keys and no more, and a refusal changes nothing") {
  Limited scheduler;
  const auto job = [](size_t key) {
    return JobText{.due_time = "1h", .concurrency_key = fmt::format("key{}", key)};
  };
  std::vector<std::shared_ptr<std::optional<absl::Status>>> answers;
  for (size_t i = 0; i < kMaxGroupsPerTarget; ++i) {
    answers.push_back(scheduler.Submit(fmt::format("job{}", i), job(i)));
    if (i % 10000 == 0) scheduler.RunUntilIdle();
  }
  scheduler.RunUntilIdle();
  for (const auto& answer : answers) REQUIRE((answer->has_value() && (*answer)->ok()));
  const absl::Status refused = absl::ResourceExhaustedError(
      "the jobs of \"Cart\" have too many different concurrency keys (limit: "
      "--max-concurrency-keys=100000)");
  REQUIRE(scheduler.Schedule("more", job(kMaxGroupsPerTarget)) == refused);
  REQUIRE(scheduler.Schedule("job0", job(kMaxGroupsPerTarget), /*overwrite=*/true) == refused);
  REQUIRE(scheduler.Get("job0")->metadata().concurrency_key() == "key0");
  REQUIRE(scheduler.Schedule("more", job(0)).ok());
}

TEST_CASE("a concurrency key has a greatest length") {
  Limited scheduler;
  REQUIRE(scheduler
              .Schedule("job", {.due_time = "1h",
                                .concurrency_key = std::string(kMaxConcurrencyKeyBytes, 'k')})
              .ok());
  REQUIRE(scheduler.Schedule("job2",
                             {.due_time = "1h",
                              .concurrency_key = std::string(kMaxConcurrencyKeyBytes + 1, 'k')}) ==
          absl::InvalidArgumentError("concurrency key of 513 bytes: at most 512 allowed"));
}

}  // namespace
}  // namespace belfry
