// HostWatcher against schedulers that behave well and badly.

#include "client/src/host_watcher.h"

#include <catch2/catch.hpp>
#include <chrono>

#include "tests/unit/client/fake_scheduler.h"

namespace belfry {
namespace {

using client::HostWatcher;
using Hosts = std::vector<std::string>;

// Remembers the lists that a watcher tells.
struct Told {
  std::mutex mutex;
  std::vector<Hosts> lists;
  int errors = 0;

  HostWatcher::Options Options(Hosts addresses) {
    HostWatcher::Options options;
    options.addresses = std::move(addresses);
    options.min_pause = absl::Milliseconds(50);
    options.max_pause = absl::Milliseconds(100);
    options.on_hosts = [this](const Hosts& hosts) {
      std::lock_guard lock(mutex);
      lists.push_back(hosts);
    };
    options.on_error = [this](const std::string&, const absl::Status&) {
      std::lock_guard lock(mutex);
      ++errors;
    };
    return options;
  }
  size_t count() {
    std::lock_guard lock(mutex);
    return lists.size();
  }
  Hosts last() {
    std::lock_guard lock(mutex);
    return lists.empty() ? Hosts() : lists.back();
  }
  int error_count() {
    std::lock_guard lock(mutex);
    return errors;
  }
};

TEST_CASE("The first list is told sorted, each address once") {
  FakeScheduler scheduler;
  scheduler.SetHosts({"b:2", "a:1", "b:2"});
  Told told;
  HostWatcher watcher(told.Options({scheduler.address()}));
  CHECK(watcher.hosts().empty());
  watcher.Start();
  REQUIRE(scheduler.WaitUntil([&] { return told.count() == 1; }));
  CHECK(told.last() == Hosts{"a:1", "b:2"});
  CHECK(watcher.hosts() == Hosts{"a:1", "b:2"});
  watcher.Stop();
  CHECK(told.count() == 1);
  CHECK(told.error_count() == 0);
}

TEST_CASE("A further list on the same stream replaces the first, the same list is not told again") {
  FakeScheduler scheduler;
  scheduler.SetHosts({"a:1", "b:2"});
  Told told;
  HostWatcher watcher(told.Options({scheduler.address()}));
  watcher.Start();
  REQUIRE(scheduler.WaitUntil([&] { return told.count() == 1; }));
  scheduler.SetHosts({"b:2", "a:1"});
  scheduler.SetHosts({"c:3"});
  REQUIRE(scheduler.WaitUntil([&] { return told.last() == Hosts{"c:3"}; }));
  CHECK(told.count() == 2);
  CHECK(scheduler.watch_hosts_calls() == 1);
}

TEST_CASE("A scheduler without WatchHosts means the configured addresses, and is asked once") {
  FakeSchedulerOptions fake;
  fake.has_watch_hosts = false;
  FakeScheduler scheduler(fake);
  Told told;
  HostWatcher watcher(told.Options({scheduler.address()}));
  watcher.Start();
  REQUIRE(scheduler.WaitUntil([&] { return told.count() == 1; }));
  CHECK(told.last() == Hosts{scheduler.address()});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(scheduler.watch_hosts_calls() == 1);
}

TEST_CASE("A scheduler that sends the list and hangs up is asked again, with pauses") {
  FakeSchedulerOptions fake;
  fake.hangs_up = true;
  FakeScheduler scheduler(fake);
  Told told;
  HostWatcher watcher(told.Options({scheduler.address()}));
  const auto start = std::chrono::steady_clock::now();
  watcher.Start();
  REQUIRE(scheduler.WaitUntil([&] { return scheduler.watch_hosts_calls() >= 5; }));
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(4 * 50));
  watcher.Stop();
  CHECK(told.count() == 1);  // the list never changed
}

TEST_CASE("Addresses are tried in turn until one answers") {
  FakeScheduler scheduler;
  Told told;
  // Nobody listens on port 1.
  HostWatcher watcher(told.Options({"127.0.0.1:1", scheduler.address(), "127.0.0.1:1"}));
  watcher.Start();
  REQUIRE(scheduler.WaitUntil([&] { return told.count() == 1; }));
  CHECK(told.last() == Hosts{scheduler.address()});
}

TEST_CASE("A scheduler that comes back is found again") {
  auto scheduler = std::make_unique<FakeScheduler>();
  FakeSchedulerOptions fake;
  fake.port = scheduler->port();
  Told told;
  HostWatcher watcher(told.Options({scheduler->address()}));
  watcher.Start();
  REQUIRE(scheduler->WaitUntil([&] { return told.count() == 1; }));
  scheduler.reset();
  scheduler = std::make_unique<FakeScheduler>(fake);
  scheduler->SetHosts({"new:1"});
  REQUIRE(scheduler->WaitUntil([&] { return told.last() == Hosts{"new:1"}; }));
  CHECK(told.error_count() >= 1);
}

TEST_CASE("Stop ends a watch, a pause and a dial at once") {
  FakeScheduler scheduler;
  Told told;
  auto options = told.Options({scheduler.address()});
  SECTION("a watch") {}
  SECTION("a pause") {
    options.addresses = {"127.0.0.1:1"};
    options.min_pause = options.max_pause = absl::Seconds(60);
  }
  SECTION("no address") { options.addresses = {}; }
  HostWatcher watcher(options);
  watcher.Start();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto start = std::chrono::steady_clock::now();
  watcher.Stop();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

}  // namespace
}  // namespace belfry
