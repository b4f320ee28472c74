#include "scheduler/engine/window.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "scheduler/base/limits.h"

namespace belfry {
namespace {

Position At(int64_t millis, uint64_t id) { return {absl::FromUnixMillis(millis), id}; }

ScanResult Scan(const ScanRequest& request, const std::set<Position>& index) {
  ScanResult result{request.group_id, request.generation, {}, true};
  for (auto it = index.lower_bound(request.from); it != index.end(); ++it) {
    if (result.entries.size() == request.limit) {
      result.reached_end = false;
      break;
    }
    result.entries.push_back(*it);
  }
  return result;
}

bool None(uint64_t) { return false; }

TEST_CASE("a closed window holds nothing") {
  Window window;
  window.Add(At(1, 1));
  REQUIRE(window.size() == 0);
  REQUIRE_FALSE(window.NextScan(1).has_value());
}

TEST_CASE("a window that ends inside a tie goes on with the rest of the instant") {
  std::set<Position> index;
  const size_t count = kScanEntries + 10;
  for (size_t i = 1; i <= count; ++i) index.insert(At(5, i));
  Window window;
  window.Open(absl::InfinitePast());
  std::vector<uint64_t> seen;
  while (seen.size() < count) {
    if (const auto scan = window.NextScan(1)) window.Fill(Scan(*scan, index), None);
    REQUIRE(window.FirstDue().has_value());
    seen.push_back(window.Pop().id);
  }
  REQUIRE(std::is_sorted(seen.begin(), seen.end()));
  REQUIRE_FALSE(window.FirstDue().has_value());
}

TEST_CASE("an entry that is added while a stretch is read is neither lost nor late") {
  std::set<Position> index{At(100, 1)};
  Window window;
  window.Open(absl::InfinitePast());
  const auto scan = window.NextScan(1);
  REQUIRE(scan.has_value());
  const ScanResult before = Scan(*scan, index);
  window.Add(At(50, 2));
  REQUIRE(window.FirstDue() == At(50, 2).time);
  window.Fill(before, None);
  REQUIRE(window.Pop() == At(50, 2));
  REQUIRE(window.Pop() == At(100, 1));
}

TEST_CASE("an entry that the scan sees and that was added too is held once") {
  std::set<Position> index{At(100, 1)};
  Window window;
  window.Open(absl::InfinitePast());
  const auto scan = window.NextScan(1);
  index.insert(At(50, 2));
  window.Add(At(50, 2));
  window.Fill(Scan(*scan, index), None);
  REQUIRE(window.size() == 2);
}

TEST_CASE("a scan of a window that was closed meanwhile is ignored") {
  std::set<Position> index{At(100, 1)};
  Window window;
  window.Open(absl::InfinitePast());
  const auto scan = window.NextScan(1);
  window.Close();
  window.Open(absl::InfinitePast());
  const auto second = window.NextScan(1);
  REQUIRE(second.has_value());
  window.Fill(Scan(*scan, index), None);
  REQUIRE(window.size() == 0);
  window.Fill(Scan(*second, index), None);
  REQUIRE(window.size() == 1);
}

TEST_CASE("an entry put back with a pause waits for it and keeps its index position") {
  Window window;
  window.Open(absl::InfinitePast());
  window.Fill(Scan(*window.NextScan(1), {At(10, 1)}), None);
  const Position popped = window.Pop();
  window.PutBack(popped, absl::FromUnixMillis(500));
  REQUIRE(window.FirstDue() == absl::FromUnixMillis(500));
  REQUIRE(window.Lowest() == At(10, 1));
  REQUIRE(window.Pop() == At(10, 1));
}

TEST_CASE("whatever is added, removed and read, every entry comes out once and in bounds") {
  const unsigned seed = GENERATE(range(1u, 9u));
  CAPTURE(seed);
  std::mt19937 random(seed);
  std::set<Position> index;  // what is on disk: everything that was not popped
  uint64_t next_id = 1;
  for (size_t i = 0; i < 3 * kMaxWindowEntries; ++i) {
    index.insert(At(static_cast<int64_t>(random() % 100000), next_id++));
  }
  Window window;
  window.Open(absl::InfinitePast());
  std::optional<ScanResult> pending;
  std::set<uint64_t> popped;
  const auto known = [](uint64_t) { return false; };
  size_t added = 0;
  while (!index.empty() || pending.has_value()) {
    if (!pending.has_value()) {
      if (const auto scan = window.NextScan(1)) pending = Scan(*scan, index);
    }
    const auto dice = random() % 100;
    if (pending.has_value() && dice < 5) {
      window.Fill(*std::exchange(pending, std::nullopt), known);
    } else if (dice < 45 && added < kMaxWindowEntries) {
      const Position position = At(static_cast<int64_t>(random() % 100000), next_id++);
      index.insert(position);
      window.Add(position);
      ++added;
    } else if (window.FirstDue().has_value()) {
      const Position position = window.Pop();
      // A scan may bring back what was popped since; the engine finds out when it loads the job.
      if (popped.contains(position.id)) continue;
      REQUIRE(index.erase(position) == 1);
      popped.insert(position.id);
    }
    REQUIRE(window.size() <= kMaxWindowEntries + kScanEntries);
    if (!index.empty()) REQUIRE_FALSE(*index.begin() < window.Lowest());
  }
  REQUIRE(popped.size() == next_id - 1);
}

}  // namespace
}  // namespace belfry
