// The limits that flags set: what is refused, what only waits, and what is never refused.

#include "scheduler/base/limits.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "spdlog/fmt/fmt.h"
#include "tests/support/manual_scheduler.h"

namespace belfry {
namespace {

TEST_CASE("a namespace has so many jobs and no more") {
  Limits limits;
  limits.max_jobs_per_namespace = 2;
  ManualScheduler scheduler(limits);
  const absl::Status refused = absl::ResourceExhaustedError(
      "namespace \"ns\" has 2 jobs already (limit: --max-jobs-per-namespace=2)");
  REQUIRE(scheduler.Schedule("a", {.due_time = "10s"}).ok());
  scheduler.actor_type = "Cart";
  REQUIRE(scheduler.Schedule("b", {.due_time = "1h"}).ok());
  scheduler.actor_type = "";
  REQUIRE(scheduler.Schedule("c", {.due_time = "1h"}) == refused);
  scheduler.app = "other";
  REQUIRE(scheduler.Schedule("c", {.due_time = "1h"}) == refused);
  scheduler.app = "app";
  SECTION("what is there may be overwritten, and its name is still taken") {
    REQUIRE(scheduler.Schedule("a", {.due_time = "10s"}, /*overwrite=*/true).ok());
    REQUIRE(absl::IsAlreadyExists(scheduler.Schedule("a", {.due_time = "10s"})));
    REQUIRE(scheduler.Schedule("c", {.due_time = "1h"}) == refused);
  }
  SECTION("other namespaces have their own") {
    scheduler.ns = "ns-1";
    REQUIRE(scheduler.Schedule("a", {.due_time = "1h"}).ok());
    REQUIRE(scheduler.Schedule("b", {.due_time = "1h"}).ok());
    REQUIRE_FALSE(scheduler.Schedule("c", {.due_time = "1h"}).ok());
  }
  SECTION("a delete makes room") {
    REQUIRE(scheduler.Delete("a").ok());
    REQUIRE(scheduler.Delete("a").ok());
    REQUIRE(scheduler.Schedule("c", {.due_time = "1h"}).ok());
    REQUIRE(scheduler.Schedule("d", {.due_time = "1h"}) == refused);
  }
  SECTION("a delete by prefix makes room once the jobs are purged") {
    REQUIRE(scheduler.DeletePrefix("").ok());
    REQUIRE(scheduler.Schedule("c", {.due_time = "1h"}).ok());
    REQUIRE(scheduler.Schedule("d", {.due_time = "1h"}) == refused);
  }
  SECTION("a job that is done makes room") {
    auto watcher = scheduler.Watch();
    scheduler.Advance(absl::Seconds(10));
    scheduler.Answer(*watcher, 1);
    REQUIRE(scheduler.Schedule("c", {.due_time = "1h"}).ok());
    REQUIRE(scheduler.Schedule("d", {.due_time = "1h"}) == refused);
  }
  SECTION("a job that is over before it begins makes room when it replaces another") {
    REQUIRE(scheduler.Schedule("a", {.schedule = "@every 1h", .ttl = "1s"}, true).ok());
    REQUIRE(scheduler.Schedule("c", {.due_time = "1h"}).ok());
    REQUIRE(scheduler.Schedule("d", {.due_time = "1h"}) == refused);
  }
  SECTION("a restart counts anew") {
    scheduler.Kill();
    REQUIRE(scheduler.Schedule("c", {.due_time = "1h"}) == refused);
    scheduler.limits.max_jobs_per_namespace = 3;
    scheduler.Kill();
    REQUIRE(scheduler.Schedule("c", {.due_time = "1h"}).ok());
    REQUIRE_FALSE(scheduler.Schedule("d", {.due_time = "1h"}).ok());
    scheduler.limits.max_jobs_per_namespace = 0;
    scheduler.Kill();
    REQUIRE(scheduler.Schedule("d", {.due_time = "1h"}).ok());
  }
}

TEST_CASE("a trigger that is not answered in time goes to another watcher") {
  Limits limits;
  limits.max_ack_time = absl::Seconds(30);
  ManualScheduler scheduler(limits);
  auto first = scheduler.Watch();
  auto second = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  REQUIRE(scheduler.Schedule("answered", {.due_time = "0s"}).ok());
  REQUIRE(first->triggers.size() == 1);
  REQUIRE(second->triggers.size() == 1);
  scheduler.Answer(*second, 1);
  scheduler.Advance(absl::Seconds(30) - absl::Nanoseconds(1));
  CHECK(first->given_up.empty());
  scheduler.Advance(absl::Nanoseconds(1));
  CHECK(first->given_up == std::vector<uint64_t>{1});
  CHECK(second->given_up.empty());
  // Whose turn it is gets it.
  REQUIRE(first->triggers.size() + second->triggers.size() == 3);
  const bool again = first->triggers.size() == 2;
  // The answer that came too late means nothing, and neither does it cost an attempt.
  scheduler.Answer(*first, 1, Outcome::kFailed);
  CHECK(scheduler.Get("job").ok());
  scheduler.Answer(again ? *first : *second, 2);
  CHECK(absl::IsNotFound(scheduler.Get("job").status()));
  scheduler.Advance(absl::Hours(1));
  CHECK(first->triggers.size() + second->triggers.size() == 3);
}

TEST_CASE("a trigger that is never answered comes with pauses, and gives its slot back") {
  Limits limits;
  limits.max_ack_time = absl::Seconds(30);
  ManualScheduler scheduler(limits);
  scheduler.actor_type = "Cart";
  auto watcher = scheduler.Watch({{scheduler.Target(), "", 1}});
  REQUIRE(scheduler.Schedule("silent", {.due_time = "0s"}).ok());
  REQUIRE(scheduler.Schedule("next", {.due_time = "1s"}).ok());
  scheduler.Advance(absl::Seconds(30));
  REQUIRE(watcher->triggers.size() == 2);  // the first again, without a pause
  scheduler.Advance(absl::Seconds(30));
  REQUIRE(watcher->triggers.size() == 3);  // the first has a pause now
  CHECK(watcher->triggers[2].name() == "next");
  CHECK(watcher->given_up == std::vector<uint64_t>{1, 2});
  scheduler.Unwatch(*watcher);
  scheduler.Advance(absl::Hours(1));
  CHECK(watcher->given_up.size() == 2);
}

TEST_CASE("without a limit an app may take as long as it wants") {
  ManualScheduler scheduler;
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  scheduler.Advance(absl::Hours(10000));
  CHECK(watcher->triggers.size() == 1);
  scheduler.Answer(*watcher, 1);
  CHECK(absl::IsNotFound(scheduler.Get("job").status()));
}

TEST_CASE("a stream gets no more triggers than it may have unanswered, and others get them") {
  Limits limits;
  limits.max_in_flight = 2;
  ManualScheduler scheduler(limits);
  auto watcher = scheduler.Watch();
  for (int i = 0; i < 5; ++i) {
    REQUIRE(scheduler.Schedule(fmt::format("job{}", i), {.due_time = "0s"}).ok());
  }
  CHECK(watcher->triggers.size() == 2);
  auto other = scheduler.Watch();
  CHECK(other->triggers.size() == 2);
  scheduler.Answer(*watcher, 1);
  CHECK(watcher->triggers.size() == 3);
}

TEST_CASE("a stream gets no more bytes than it may have unsent") {
  Limits limits;
  limits.max_unsent_bytes = 1000;
  ManualScheduler scheduler(limits);
  auto watcher = scheduler.Watch();
  watcher->count_unsent = true;
  for (int i = 0; i < 5; ++i) {
    REQUIRE(
        scheduler
            .Schedule(fmt::format("job{}", i), {.due_time = "0s", .data = std::string(600, 'x')})
            .ok());
  }
  CHECK(watcher->triggers.size() == 2);
  watcher->Drain();
  scheduler.loop->WatcherDrained(watcher->id);
  scheduler.RunUntilIdle();
  CHECK(watcher->triggers.size() == 4);
}

TEST_CASE("the mailbox has room for so many requests and bytes, and always for answers") {
  Limits limits;
  limits.max_mailbox_events = 3;
  limits.max_mailbox_bytes = 2000;
  ManualScheduler scheduler(limits);
  auto watcher = scheduler.Watch();
  REQUIRE(scheduler.Schedule("job", {.due_time = "0s"}).ok());
  const absl::Status refused = absl::ResourceExhaustedError(
      "too many requests are waiting (limits: --max-mailbox-events=3, --max-mailbox-bytes=2000)");
  std::vector<std::shared_ptr<std::optional<absl::Status>>> answers;
  SECTION("requests") {
    for (int i = 0; i < 3; ++i) {
      answers.push_back(scheduler.Submit(fmt::format("job{}", i), {.due_time = "1h"}));
    }
  }
  SECTION("bytes") {
    answers.push_back(scheduler.Submit("big", {.due_time = "1h", .data = std::string(1500, 'x')}));
  }
  const auto last = scheduler.Submit("last", {.due_time = "1h", .data = std::string(1000, 'x')});
  REQUIRE(last->has_value());
  CHECK(**last == refused);
  scheduler.loop->Settle(watcher->id, 1, Outcome::kSuccess);
  scheduler.RunUntilIdle();
  for (const auto& answer : answers) CHECK((answer->has_value() && (*answer)->ok()));
  CHECK(absl::IsNotFound(scheduler.Get("job").status()));
  CHECK(scheduler.Schedule("last", {.due_time = "1h"}).ok());
}

TEST_CASE("a turn takes so many events") {
  Limits limits;
  limits.max_turn_events = 2;
  ManualScheduler scheduler(limits);
  std::vector<std::shared_ptr<std::optional<absl::Status>>> answers;
  for (int i = 0; i < 5; ++i) {
    answers.push_back(scheduler.Submit(fmt::format("job{}", i), {.due_time = "1h"}));
  }
  const auto answered = [&] {
    return std::count_if(answers.begin(), answers.end(),
                         [](const auto& answer) { return answer->has_value(); });
  };
  for (const int expected : {2, 4, 5}) {
    scheduler.loop->RunOnce();
    scheduler.loop->RunSyncer();
    CHECK(answered() == expected);
  }
}

TEST_CASE("deletes by prefix and lists that are under way are limited") {
  Limits limits;
  limits.max_prefix_deletes = 1;
  limits.max_pending_lists = 1;
  ManualScheduler scheduler(limits);
  std::vector<absl::Status> answers;
  const auto keep = [&](absl::Status status) { answers.push_back(std::move(status)); };
  for (const char* prefix : {"a", "b"}) {
    scheduler.loop->DeletePrefix(NamePrefix(scheduler.Metadata(), prefix).value(), keep);
  }
  scheduler.RunUntilIdle();
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].ok());
  CHECK(answers[1] ==
        absl::ResourceExhaustedError("too many prefix deletes are still being carried out (limit: "
                                     "--max-prefix-deletes=1); try again"));
  CHECK(scheduler.DeletePrefix("b").ok());

  std::vector<absl::Status> lists;
  for (int i = 0; i < 2; ++i) {
    scheduler.loop->List(ListPrefix(scheduler.Metadata()).value(), SIZE_MAX,
                         [&](const auto& jobs) { lists.push_back(jobs.status()); });
  }
  REQUIRE(lists.size() == 1);
  CHECK(lists[0] ==
        absl::ResourceExhaustedError("too many lists are waiting (limit: --max-pending-lists=1)"));
  scheduler.RunUntilIdle();
  REQUIRE(lists.size() == 2);
  CHECK(lists[1].ok());
}

}  // namespace
}  // namespace belfry
