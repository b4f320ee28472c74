#include "scheduler/loop/syncer.h"

#include <catch2/catch.hpp>
#include <functional>

#include "storage/memory_store.h"
#include "tests/support/fake_clock.h"

namespace belfry {
namespace {

// Calls the test in the middle of a sync.
class SlowStore final : public MemoryStore {
 public:
  absl::Status Sync() override {
    ++syncs;
    if (during_sync) during_sync();
    return MemoryStore::Sync();
  }
  std::function<void()> during_sync;
  int syncs = 0;
};

struct Fixture {
  SlowStore store;
  FakeClock clock{absl::UnixEpoch()};
  absl::Status fatal;
  Syncer syncer{&store, &clock, absl::Seconds(1), [this](absl::Status s) { fatal = s; }};
  int answers = 0;

  Syncer::Done Count() {
    return [this](const absl::Status& status) {
      REQUIRE(status.ok());
      ++answers;
    };
  }
};

TEST_CASE("many waiters share one sync") {
  Fixture f;
  const uint64_t sequence = f.syncer.Announce();
  for (int i = 0; i < 10; ++i) f.syncer.WhenDurable(sequence, f.Count());
  REQUIRE_FALSE(f.syncer.RunOnce());  // nothing is written yet
  f.syncer.Written();
  REQUIRE(f.syncer.RunOnce());
  REQUIRE(f.answers == 10);
  REQUIRE(f.store.syncs == 1);
}

// A read that came while the sync of its change was running once waited for a sync that nobody had
// a reason to make.
TEST_CASE("who comes while a sync runs that covers its change is answered by it") {
  Fixture f;
  const uint64_t sequence = f.syncer.Announce();
  f.syncer.Written();
  f.syncer.WhenDurable(sequence, f.Count());
  f.store.during_sync = [&] { f.syncer.WhenDurable(sequence, f.Count()); };
  REQUIRE(f.syncer.RunOnce());
  REQUIRE(f.answers == 2);
}

TEST_CASE("who comes while a sync runs that does not cover its change waits for the next") {
  Fixture f;
  const uint64_t first = f.syncer.Announce();
  f.syncer.Written();
  f.syncer.WhenDurable(first, f.Count());
  f.store.during_sync = [&] {
    f.store.during_sync = nullptr;
    const uint64_t second = f.syncer.Announce();
    f.syncer.Written();
    f.syncer.WhenDurable(second, f.Count());
  };
  REQUIRE(f.syncer.RunOnce());
  REQUIRE(f.answers == 1);
  REQUIRE(f.syncer.RunOnce());
  REQUIRE(f.answers == 2);
}

TEST_CASE("a sync on demand within another covers more, and is not forgotten when that one ends") {
  Fixture f;
  const uint64_t first = f.syncer.Announce();
  f.syncer.Written();
  f.syncer.WhenDurable(first, f.Count());
  uint64_t second = 0;
  f.store.during_sync = [&] {
    f.store.during_sync = nullptr;
    second = f.syncer.Announce();
    f.syncer.Written();
    REQUIRE(f.syncer.SyncNow().ok());
  };
  REQUIRE(f.syncer.RunOnce());
  REQUIRE(f.answers == 1);
  REQUIRE(f.store.syncs == 2);
  // Nothing is left to sync, so this must not wait for another one.
  f.syncer.WhenDurable(second, f.Count());
  REQUIRE(f.answers == 2);
}

TEST_CASE("what is durable already is answered at once") {
  Fixture f;
  f.syncer.WhenDurable(f.syncer.announced(), f.Count());
  REQUIRE(f.answers == 1);
  REQUIRE(f.store.syncs == 0);
}

}  // namespace
}  // namespace belfry
