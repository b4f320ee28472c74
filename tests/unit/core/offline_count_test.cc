#include "scheduler/engine/offline_count.h"

#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "scheduler/base/limits.h"

namespace belfry {
namespace {

absl::Time At(int64_t millis) { return absl::FromUnixMillis(millis); }
Position At(int64_t millis, uint64_t id) { return {At(millis), id}; }

ScanResult Read(const ScanRequest& request, const std::set<Position>& index) {
  ScanResult result{request.group_id, request.generation, {}, true, request.counts_only};
  for (auto it = index.lower_bound(request.from); it != index.end(); ++it) {
    if (result.entries.size() == request.limit) {
      result.reached_end = false;
      break;
    }
    result.entries.push_back(*it);
  }
  return result;
}

TEST_CASE("offline count: nothing is read before something may be due") {
  OfflineCount count;
  count.AddEmpty(1);
  CHECK_FALSE(count.NextScan(At(1000)).has_value());
  CHECK_FALSE(count.Note(1, At(500, 1)));
  CHECK_FALSE(count.NextScan(At(499)).has_value());
  const auto scan = count.NextScan(At(500));
  REQUIRE(scan.has_value());
  CHECK(scan->counts_only);
  CHECK(scan->from == At(500, 0));
  // One at a time.
  CHECK_FALSE(count.NextScan(At(500)).has_value());
  CHECK(count.Take(Read(*scan, {At(500, 1), At(900, 2)}), At(500)) == 1);
  CHECK_FALSE(count.NextScan(At(899)).has_value());
  CHECK(count.NextScan(At(900)).has_value());
}

TEST_CASE("offline count: what lies before the counted part counts at once") {
  OfflineCount count;
  count.Add(1, At(100));
  CHECK(count.Note(1, At(99, 7)));
  CHECK_FALSE(count.Note(1, At(100, 8)));
  CHECK_FALSE(count.Note(2, At(0, 9)));  // somebody receives that group
}

TEST_CASE("offline count: a slice of an earlier stay offline says nothing") {
  OfflineCount count;
  count.Add(1, At(0));
  const auto scan = count.NextScan(At(10));
  REQUIRE(scan.has_value());
  count.Remove(1);
  SECTION("online now") { CHECK(count.Take(Read(*scan, {At(5, 1)}), At(10)) == 0); }
  SECTION("offline again") {
    count.Add(1, At(10));
    CHECK(count.Take(Read(*scan, {At(5, 1)}), At(10)) == 0);
    CHECK(count.NextScan(At(10)).has_value());
  }
}

// Entries come and groups go on and off at random, also while a slice is being read; every entry
// must be counted once for each stay offline in which it is due and was not before.
TEST_CASE("offline count: every entry once, whatever comes between") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  OfflineCount count;
  std::set<Position> index;
  size_t expected = 0;
  size_t counted = 0;
  int64_t now = 0;
  std::optional<ScanRequest> pending;
  std::optional<ScanResult> read;
  count.AddEmpty(1);
  for (uint64_t id = 1; id < 20000; ++id) {
    now += random() % 3;
    if (random() % 2 == 0) {
      const Position entry = At(now + static_cast<int64_t>(random() % 50) - 10, id);
      index.insert(entry);
      ++expected;
      if (count.Note(1, entry)) ++counted;
    }
    if (!pending.has_value()) pending = count.NextScan(At(now));
    if (pending.has_value() && !read.has_value() && random() % 2 == 0) read = Read(*pending, index);
    if (read.has_value() && random() % 2 == 0) {
      counted += count.Take(*read, At(now));
      pending.reset();
      read.reset();
    }
  }
  now += 100;
  if (pending.has_value()) counted += count.Take(Read(*pending, index), At(now));
  while ((pending = count.NextScan(At(now))).has_value()) {
    counted += count.Take(Read(*pending, index), At(now));
  }
  CHECK(counted == expected);
}

}  // namespace
}  // namespace belfry
