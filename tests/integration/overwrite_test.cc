// A job that is written anew again and again, at any rate, goes on firing: what was under way for
// an older version must neither end nor hold up the newer one.

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/watcher.h"

namespace belfry::integration {
namespace {

TEST_CASE("a job that is overwritten while it fires goes on firing as it was last written") {
  constexpr int kWriters = 4;
  constexpr int kWrites = 150;  // of each
  SchedulerProcess scheduler;
  SchedulerClient client(scheduler.address());
  Watcher watcher(scheduler.address(), WatchApp("app"));
  std::atomic<int> refused = 0;
  std::atomic<int> writing = kWriters;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < kWrites; ++i) {
        const std::string text = std::to_string(w) + "-" + std::to_string(i);
        if (!client.Schedule("job", WithText(Recurring("@every 5ms"), text), AppMetadata(), true)
                 .ok()) {
          ++refused;
        }
      }
      --writing;
    });
  }
  int triggers = 0;
  while (writing > 0) {
    const auto trigger = watcher.Next(kPollPause);
    if (!trigger.has_value()) continue;
    ++triggers;
    watcher.Answer(trigger->id(), triggers % 3 == 0 ? dapr::proto::scheduler::v1::FAILED
                                                    : dapr::proto::scheduler::v1::SUCCESS);
  }
  for (std::thread& writer : writers) writer.join();
  CHECK(refused == 0);

  REQUIRE(client.Schedule("job", WithText(Recurring("@every 5ms"), "the last"), AppMetadata(), true)
              .ok());
  // What was sent before may still come; then only the last one does, again and again.
  int last = 0;
  REQUIRE(Eventually([&] {
    const auto trigger = watcher.Next();
    if (!trigger.has_value()) return false;
    watcher.Answer(trigger->id());
    const bool is_last = trigger->data().value().find("the last") != std::string::npos;
    CHECK((is_last || last == 0));
    if (is_last) ++last;
    return last == 20;
  }));
}

}  // namespace
}  // namespace belfry::integration
