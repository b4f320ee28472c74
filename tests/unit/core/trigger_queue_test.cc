#include "scheduler/engine/trigger_queue.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

namespace belfry {
namespace {

Position At(int seconds, uint64_t id) { return {absl::FromUnixSeconds(seconds), id}; }

TEST_CASE("entries come out by time, and by id within an instant") {
  TriggerQueue queue;
  queue.Push(At(2, 1));
  queue.Push(At(1, 3));
  queue.Push(At(1, 2));
  REQUIRE(queue.Pop() == At(1, 2));
  REQUIRE(queue.Pop() == At(1, 3));
  REQUIRE(queue.Pop() == At(2, 1));
  REQUIRE(queue.empty());
}

TEST_CASE("truncate keeps the earliest entries and returns the rest") {
  TriggerQueue queue;
  for (int i = 0; i < 100; ++i) queue.Push(At((i * 37) % 100, static_cast<uint64_t>(i) + 1));
  const auto removed = queue.Truncate(40);
  REQUIRE(removed.size() == 60);
  for (const Position& position : removed) {
    REQUIRE(position.time >= absl::FromUnixSeconds(40));
    REQUIRE_FALSE(queue.Contains(position.id));
  }
  for (int i = 0; i < 40; ++i) REQUIRE(queue.Pop().time == absl::FromUnixSeconds(i));
}

TEST_CASE("the queue agrees with a sorted map under random changes") {
  const unsigned seed = 20240424;
  CAPTURE(seed);
  std::mt19937 random(seed);
  TriggerQueue queue;
  std::map<uint64_t, Position> model;
  for (int step = 0; step < 20000; ++step) {
    const uint64_t id = random() % 200 + 1;
    switch (random() % 4) {
      case 0:
      case 1:
        if (model.contains(id)) break;
        model[id] = At(static_cast<int>(random() % 50), id);
        queue.Push(model[id]);
        break;
      case 2:
        REQUIRE(queue.Remove(id) == (model.erase(id) == 1));
        break;
      case 3: {
        if (model.empty()) break;
        Position first = model.begin()->second;
        for (const auto& [_, position] : model) first = std::min(first, position);
        REQUIRE(queue.Pop() == first);
        model.erase(first.id);
        break;
      }
    }
    REQUIRE(queue.size() == model.size());
  }
}

TEST_CASE("entries up to a time are counted, up to a bound") {
  TriggerQueue queue;
  REQUIRE(queue.CountUntil(absl::InfiniteFuture(), 10) == 0);
  for (uint64_t id = 1; id <= 100; ++id) {
    queue.Push({absl::FromUnixSeconds(static_cast<int64_t>(id * 37 % 101)), id});
  }
  for (const int64_t second : {0, 1, 50, 99, 100}) {
    REQUIRE(queue.CountUntil(absl::FromUnixSeconds(second), 1000) == static_cast<size_t>(second));
  }
  REQUIRE(queue.CountUntil(absl::FromUnixSeconds(50), 20) == 20);
}

}  // namespace
}  // namespace belfry
