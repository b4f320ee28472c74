// Worker against schedulers in this process.

#include "belfry/worker.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <random>
#include <thread>

#include "tests/unit/client/fake_scheduler.h"
#include "tests/unit/client/silent_proxy.h"

namespace belfry {
namespace {

namespace wire = dapr::proto::scheduler::v1;
using Clock = std::chrono::steady_clock;

// Keeps what the handler got until the test answers it.
struct Inbox {
  struct Entry {
    wire::WatchJobsResponse trigger;
    Worker::Done done;
  };
  std::mutex mutex;
  std::vector<Entry> entries;

  Worker::Handler Handler() {
    return [this](wire::WatchJobsResponse trigger, Worker::Done done) {
      std::lock_guard lock(mutex);
      entries.push_back({std::move(trigger), std::move(done)});
    };
  }
  size_t count() {
    std::lock_guard lock(mutex);
    return entries.size();
  }
  void Answer(size_t index, TriggerResult result) {
    Worker::Done done;
    {
      std::lock_guard lock(mutex);
      done = std::move(entries.at(index).done);
    }
    done(result);
  }
};

WorkerOptions Options(const std::string& address) {
  WorkerOptions options;
  options.addresses = {address};
  options.ns = "space";
  options.app_id = "shop";
  return options;
}

TEST_CASE("Three streams to a host, each on its own connection, announce the app") {
  FakeScheduler scheduler;
  Inbox inbox;
  std::atomic<int> open = 0;
  auto options = Options(scheduler.address());
  options.on_streams = [&](int count) { open = count; };
  Worker worker(options, inbox.Handler());
  worker.Start();
  REQUIRE(scheduler.WaitUntil([&] { return open == 3 && scheduler.streams() == 3; }));
  CHECK(scheduler.stream_peers().size() == 3);
  CHECK(worker.hosts() == std::vector<std::string>{scheduler.address()});
  const auto initial = scheduler.initial();
  CHECK(initial.app_id() == "shop");
  CHECK(initial.namespace_() == "space");
  CHECK(initial.actor_types_size() == 0);
  REQUIRE(initial.accept_job_types_size() == 1);
  CHECK(initial.accept_job_types(0) == wire::JOB_TARGET_TYPE_JOB);
}

TEST_CASE("Triggers arrive without waiting for each other and are answered in any order") {
  FakeScheduler scheduler;
  Inbox inbox;
  auto options = Options(scheduler.address());
  options.streams_per_host = 1;
  Worker worker(options, inbox.Handler());
  worker.Start();
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 1; }));
  for (uint64_t id = 1; id <= 3; ++id) REQUIRE(scheduler.Send(0, id, "job"));
  REQUIRE(scheduler.WaitUntil([&] { return inbox.count() == 3; }));
  inbox.Answer(2, TriggerResult::kSuccess);
  inbox.Answer(0, TriggerResult::kFailed);
  inbox.Answer(1, TriggerResult::kSuccess);
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.results().size() == 3; }));
  const auto results = scheduler.results();
  CHECK(results[0].id() == 3);
  CHECK(results[0].status() == wire::SUCCESS);
  CHECK(results[1].id() == 1);
  CHECK(results[1].status() == wire::FAILED);
  CHECK(results[2].id() == 2);
}

TEST_CASE("Many answers given at once from many threads all arrive") {
  constexpr uint64_t kTriggers = 2000;
  FakeScheduler scheduler;
  Inbox inbox;
  auto options = Options(scheduler.address());
  options.streams_per_host = 1;
  Worker worker(options, inbox.Handler());
  worker.Start();
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 1; }));
  for (uint64_t id = 1; id <= kTriggers; ++id) REQUIRE(scheduler.Send(0, id, "job"));
  REQUIRE(scheduler.WaitUntil([&] { return inbox.count() == kTriggers; }));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&inbox, t] {
      for (size_t i = t; i < kTriggers; i += 4) inbox.Answer(i, TriggerResult::kSuccess);
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.results().size() == kTriggers; }));
  std::set<uint64_t> ids;
  for (const auto& result : scheduler.results()) ids.insert(result.id());
  CHECK(ids.size() == kTriggers);
}

TEST_CASE("A handler may answer before it returns") {
  FakeScheduler scheduler;
  auto options = Options(scheduler.address());
  Worker worker(options, [](wire::WatchJobsResponse, Worker::Done done) {
    done(TriggerResult::kSuccess);
    done(TriggerResult::kFailed);  // the second answer is ignored
  });
  worker.Start();
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 3; }));
  for (uint64_t id = 1; id <= 100; ++id) REQUIRE(scheduler.Send(id % 3, id, "job"));
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.results().size() >= 100; }));
  for (const auto& result : scheduler.results()) CHECK(result.status() == wire::SUCCESS);
  CHECK(scheduler.results().size() == 100);
}

TEST_CASE("A lost stream is replaced alone, after a pause, and its answers are dropped") {
  FakeScheduler scheduler;
  Inbox inbox;
  auto options = Options(scheduler.address());
  std::atomic<int> losses = 0;
  options.on_error = [&](const std::string&, const absl::Status&) { ++losses; };
  Worker worker(options, inbox.Handler());
  worker.Start();
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 3; }));
  REQUIRE(scheduler.Send(0, 7, "job"));
  REQUIRE(scheduler.WaitUntil([&] { return inbox.count() == 1; }));
  const auto start = Clock::now();
  scheduler.CloseStream(0);
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.opened_streams() == 4; }));
  CHECK(Clock::now() - start >= std::chrono::milliseconds(250));
  CHECK(scheduler.WaitUntil([&] { return scheduler.streams() == 3; }));
  CHECK(scheduler.stream_peers().size() == 4);
  CHECK(losses == 1);
  inbox.Answer(0, TriggerResult::kSuccess);
  REQUIRE(scheduler.Send(0, 8, "job"));
  REQUIRE(scheduler.WaitUntil([&] { return inbox.count() == 2; }));
  inbox.Answer(1, TriggerResult::kSuccess);
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.results().size() == 1; }));
  CHECK(scheduler.results()[0].id() == 8);
}

TEST_CASE("A scheduler that refuses the app is asked ever more rarely, until it does not") {
  FakeScheduler scheduler;
  scheduler.SetRefusal({grpc::StatusCode::PERMISSION_DENIED, "not yours"});
  Inbox inbox;
  auto options = Options(scheduler.address());
  options.min_backoff = absl::Milliseconds(10);
  options.max_backoff = absl::Milliseconds(20);
  std::atomic<int> open = 0;
  std::atomic<int> changes = 0;
  options.on_streams = [&](int count) {
    open = count;
    ++changes;
  };
  Worker worker(options, inbox.Handler());
  const auto start = Clock::now();
  worker.Start();
  // Eight of each stream's. The shortest pauses between them are 10, 20, 40 ... 640 ms.
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.opened_streams() >= 24; }));
  CHECK(Clock::now() - start >= std::chrono::milliseconds(1000));
  // That the first ones were refused was not known while they were open.
  CHECK(changes <= 6);
  scheduler.SetRefusal(grpc::Status::OK);
  CHECK(scheduler.WaitUntil([&] { return open == 3; }));
  CHECK(scheduler.streams() == 3);
}

TEST_CASE("A restarted scheduler gets all streams again within seconds") {
  auto scheduler = std::make_unique<FakeScheduler>();
  FakeSchedulerOptions fake;
  fake.port = scheduler->port();
  Inbox inbox;
  Worker worker(Options(scheduler->address()), inbox.Handler());
  worker.Start();
  REQUIRE(scheduler->WaitUntil([&] { return scheduler->streams() == 3; }));
  scheduler.reset();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  scheduler = std::make_unique<FakeScheduler>(fake);
  const auto start = Clock::now();
  REQUIRE(scheduler->WaitUntil([&] { return scheduler->streams() == 3; }));
  CHECK(Clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("Streams follow the list of hosts") {
  FakeScheduler first;
  FakeScheduler second;
  Inbox inbox;
  Worker worker(Options(first.address()), inbox.Handler());
  worker.Start();
  REQUIRE(first.WaitUntil([&] { return first.streams() == 3; }));
  first.SetHosts({first.address(), second.address()});
  REQUIRE(second.WaitUntil([&] { return second.streams() == 3; }));
  first.SetHosts({second.address()});
  REQUIRE(first.WaitUntil([&] { return first.streams() == 0; }));
  // Those to the host that stayed were left alone.
  CHECK(first.opened_streams() == 3);
  CHECK(second.opened_streams() == 3);
  CHECK(second.streams() == 3);
}

TEST_CASE("SetReceiving(false) closes all streams and true opens them again") {
  FakeScheduler scheduler;
  Inbox inbox;
  std::atomic<int> open = -1;
  auto options = Options(scheduler.address());
  options.on_streams = [&](int count) { open = count; };
  Worker worker(options, inbox.Handler());
  worker.SetReceiving(false);
  worker.Start();
  REQUIRE(scheduler.WaitUntil([&] { return !worker.hosts().empty(); }));
  CHECK(scheduler.opened_streams() == 0);
  worker.SetReceiving(true);
  REQUIRE(scheduler.WaitUntil([&] { return open == 3; }));
  worker.SetReceiving(false);
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 0 && open == 0; }));
  worker.SetReceiving(true);
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 3; }));
}

TEST_CASE("Stop sends answers already given, waits for those to come, and hands nothing out") {
  FakeScheduler scheduler;
  Inbox inbox;
  auto options = Options(scheduler.address());
  options.streams_per_host = 1;
  Worker worker(options, inbox.Handler());
  worker.Start();
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 1; }));
  for (uint64_t id = 1; id <= 50; ++id) REQUIRE(scheduler.Send(0, id, "job"));
  REQUIRE(scheduler.WaitUntil([&] { return inbox.count() == 50; }));
  for (size_t i = 0; i < 49; ++i) inbox.Answer(i, TriggerResult::kSuccess);

  SECTION("the last answer comes while stopping") {
    std::thread late([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      inbox.Answer(49, TriggerResult::kSuccess);
    });
    worker.Stop(absl::Seconds(10));
    late.join();
    REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 0; }));
    CHECK(scheduler.results().size() == 50);
  }
  SECTION("the last answer never comes") {
    const auto start = Clock::now();
    worker.Stop(absl::Milliseconds(300));
    CHECK(Clock::now() - start >= std::chrono::milliseconds(300));
    CHECK(Clock::now() - start < std::chrono::seconds(5));
    REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 0; }));
    CHECK(scheduler.results().size() == 49);
    inbox.Answer(49, TriggerResult::kSuccess);  // meets nothing
  }
  SECTION("the handler drops the last one") {
    { auto dropped = std::move(inbox.entries.at(49).done); }
    const auto start = Clock::now();
    worker.Stop(absl::Seconds(10));
    CHECK(Clock::now() - start < std::chrono::seconds(5));
    REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 0; }));
    CHECK(scheduler.results().size() == 49);
  }
  CHECK(inbox.count() == 50);
}

TEST_CASE("A Done may be used and destroyed after its worker") {
  FakeScheduler scheduler;
  Inbox inbox;
  {
    Worker worker(Options(scheduler.address()), inbox.Handler());
    worker.Start();
    REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 3; }));
    REQUIRE(scheduler.Send(0, 1, "job"));
    REQUIRE(scheduler.Send(1, 1, "job"));
    REQUIRE(scheduler.WaitUntil([&] { return inbox.count() == 2; }));
  }
  inbox.Answer(0, TriggerResult::kSuccess);
  inbox.entries.clear();
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 0; }));
  CHECK(scheduler.results().empty());
}

TEST_CASE("Stop returns soon when nothing can be reached, and without Start") {
  Inbox inbox;
  Worker idle(Options("127.0.0.1:1"), inbox.Handler());
  idle.Stop();
  Worker worker(Options("127.0.0.1:1"), inbox.Handler());
  worker.Start();
  const auto start = Clock::now();
  worker.Stop();
  worker.Stop();
  CHECK(Clock::now() - start < std::chrono::seconds(5));
  CHECK(worker.hosts().empty());
}

// A cable was pulled in a cluster and sidecars noticed two hours later: a client that only listens
// has nothing that TCP could time out.
TEST_CASE("A scheduler that falls silent is given up") {
  FakeSchedulerOptions fake;
  fake.keepalive_ms = 300;
  FakeScheduler scheduler(fake);
  SilentProxy proxy(scheduler.port());
  scheduler.SetHosts({proxy.address()});
  Inbox inbox;
  std::atomic<int> open = 0;
  auto options = Options(proxy.address());
  options.keepalive_idle = absl::Seconds(1);
  options.keepalive_timeout = absl::Seconds(1);
  options.on_streams = [&](int count) { open = count; };
  Worker worker(options, inbox.Handler());
  worker.Start();
  REQUIRE(scheduler.WaitUntil([&] { return open == 3; }));
  const auto start = Clock::now();
  proxy.FallSilent();
  REQUIRE(scheduler.WaitUntil([&] { return open == 0 && proxy.closed_by_client() >= 4; }));
  CHECK(Clock::now() - start >= std::chrono::milliseconds(900));
  CHECK(Clock::now() - start < std::chrono::seconds(10));
}

// gRPC servers end a connection with GOAWAY "too_many_pings" when a client pings an idle stream
// more often than every five minutes; Go's and C++'s defaults agree on that.
TEST_CASE("A worker is not thrown out for its pings by a scheduler that pings") {
  FakeSchedulerOptions fake;
  bool is_tolerated = true;
  SECTION("a scheduler that pings more often than the worker would") { fake.keepalive_ms = 200; }
  // Shows that the check notices: without the scheduler's pings ours break the rule.
  SECTION("a scheduler that never pings") { is_tolerated = false; }
  FakeScheduler scheduler(fake);
  Inbox inbox;
  auto options = Options(scheduler.address());
  options.keepalive_idle = absl::Milliseconds(800);
  Worker worker(options, inbox.Handler());
  worker.Start();
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.streams() == 3; }));
  if (is_tolerated) {
    std::this_thread::sleep_for(std::chrono::seconds(6));
    CHECK(scheduler.opened_streams() == 3);
    CHECK(scheduler.watch_hosts_calls() == 1);
  } else {
    CHECK(scheduler.WaitUntil([&] { return scheduler.opened_streams() > 3; }));
  }
}

TEST_CASE("Starting and stopping at random moments, ten at a time") {
  FakeScheduler scheduler;
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::atomic<bool> is_sending = true;
  std::thread sender([&] {
    for (uint64_t id = 1; is_sending; ++id) {
      scheduler.Send(id % 7, id, "job");
      if (id % 50 == 0) scheduler.CloseStreams();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  std::vector<std::thread> threads;
  std::atomic<int> handled = 0;
  for (unsigned t = 0; t < 10; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(seed + t);
      for (int round = 0; round < 12; ++round) {
        auto options = Options(scheduler.address());
        options.min_backoff = absl::Milliseconds(1);
        options.max_backoff = absl::Milliseconds(20);
        Worker worker(options, [&](wire::WatchJobsResponse, Worker::Done done) {
          ++handled;
          done(TriggerResult::kSuccess);
        });
        worker.Start();
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 150));
        if (random() % 3 == 0) worker.SetReceiving(false);
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
        if (random() % 2 == 0) worker.Stop(absl::Milliseconds(random() % 50));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  is_sending = false;
  sender.join();
  CHECK(handled > 0);
  CHECK(scheduler.WaitUntil([&] { return scheduler.streams() == 0; }));
}

}  // namespace
}  // namespace belfry
