// A real scheduler under load, killed (kill -9) again and again at random moments. What it has
// acknowledged is in a journal, and true after each restart.

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "google/protobuf/wrappers.pb.h"
#include "tests/crash/journal.h"
#include "tests/crash/settings.h"
#include "tests/integration/ports.h"
#include "tests/integration/scheduler_client.h"
#include "tests/integration/scheduler_process.h"
#include "tests/integration/watcher.h"
#include "tests/support/temp_dir.h"

namespace belfry::crash {
namespace {

namespace pb = dapr::proto::scheduler::v1;
using integration::DueIn;
using integration::Eventually;
using integration::SchedulerClient;
using integration::SchedulerProcess;
using integration::Watcher;
using integration::WithText;

constexpr unsigned kLoadThreads = 3;
// Names of jobs in the far future that each thread writes again and again.
constexpr int kFarNames = 20;
constexpr int kEarliestMs = -100;
constexpr int kLatestMs = 1500;
// How long a scheduler lives under load, beside the time for a few requests.
constexpr int kShortestLifeMs = 20;
constexpr int kLongestLifeMs = 400;
constexpr size_t kAnswersPerLife = 20;

std::string Rfc3339(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%E*SZ", time, absl::UTCTimeZone());
}

int RevisionIn(const google::protobuf::Any& data) {
  google::protobuf::StringValue value;
  return data.UnpackTo(&value) ? std::stoi(value.value()) : -1;
}

// Schedules, overwrites and deletes until told to stop.
class Load {
 public:
  Load(const std::string& address, unsigned number, Journal* journal)
      : address_(address),
        number_(number),
        journal_(journal),
        random_(static_cast<unsigned>(Seed()) + number) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Load() {
    is_over_ = true;
    is_paused_ = false;
    thread_.join();
  }

  // Returns once no request is under way; none follows until Resume.
  void Pause() {
    is_paused_ = true;
    has_stopped_ = Eventually([this] { return is_idle_.load(); });
  }
  void Resume() { is_paused_ = false; }
  bool has_stopped() const { return has_stopped_; }

 private:
  void Run() {
    SchedulerClient client(address_);
    for (int i = 0; !is_over_; ++i) {
      is_idle_ = is_paused_.load();
      if (!is_idle_) One(&client, i);
      std::this_thread::sleep_for(integration::kPollPause);
    }
  }

  void One(SchedulerClient* client, int i) {
    const std::string far = Name("far", Draw(0, kFarNames - 1));
    const int kind = Draw(0, 9);
    if (kind < 2) return Schedule(client, far, absl::Now() + absl::Hours(1));
    if (kind < 3) return Delete(client, far);
    const absl::Time due = absl::Now() + absl::Milliseconds(Draw(kEarliestMs, kLatestMs));
    if (kind == 3 && !last_soon_.empty()) return Schedule(client, last_soon_, due);
    if (kind == 4 && !soon_.empty()) return LookAtOldest(client);
    last_soon_ = Name("soon", i);
    Schedule(client, last_soon_, due);
  }

  void Schedule(SchedulerClient* client, const std::string& name, absl::Time due) {
    const int revision = journal_->Ask(name, false, due);
    const grpc::Status status =
        client->Schedule(name, WithText(DueIn(Rfc3339(due)), std::to_string(revision)),
                         integration::AppMetadata(), /*overwrite=*/true);
    if (!status.ok()) return;
    journal_->Acknowledge(name);
    if (name == last_soon_) soon_.emplace_back(name, revision);
  }

  void Delete(SchedulerClient* client, const std::string& name) {
    journal_->Ask(name, true, {});
    if (client->Delete(name).ok()) journal_->Acknowledge(name);
  }

  // Asks for a job that was delivered; one that is gone is settled.
  void LookAtOldest(SchedulerClient* client) {
    const auto [name, revision] = soon_.front();
    soon_.erase(soon_.begin());
    if (!journal_->has_delivered(name, revision)) return;
    if (client->Get(name).error_code() != grpc::StatusCode::NOT_FOUND) return;
    journal_->Settled(name, revision);
  }

  std::string Name(const std::string& kind, int i) const {
    return kind + "-" + std::to_string(number_) + "-" + std::to_string(i);
  }
  int Draw(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }

  const std::string address_;
  const unsigned number_;
  Journal* const journal_;
  std::mt19937 random_;
  std::string last_soon_;
  std::vector<std::pair<std::string, int>> soon_;  // acknowledged, oldest first
  std::atomic<bool> is_over_ = false;
  std::atomic<bool> is_paused_ = false;
  std::atomic<bool> is_idle_ = false;
  bool has_stopped_ = true;
  std::thread thread_;
};

// Receives every trigger and answers it; connects again when its stream ends.
class Receiver {
 public:
  Receiver(const std::string& address, Journal* journal) : address_(address), journal_(journal) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Receiver() {
    is_over_ = true;
    thread_.join();
  }
  // Ticks of a recurring job that were delivered.
  int tick_count() const { return ticks_; }

 private:
  void Run() {
    while (!is_over_) {
      const absl::Time opened = absl::Now();
      Watcher watcher(address_, integration::WatchApp("app"));
      while (!is_over_ && !watcher.Finish(std::chrono::milliseconds(0)).has_value()) {
        while (const auto trigger = watcher.Next(std::chrono::milliseconds(10))) {
          Note(*trigger, opened);
          watcher.Answer(trigger->id());
        }
      }
      std::this_thread::sleep_for(integration::kPollPause);
    }
  }

  void Note(const pb::WatchJobsResponse& trigger, absl::Time opened) {
    if (trigger.name() == "tick") {
      ++ticks_;
      return;
    }
    journal_->Delivered({trigger.name(), RevisionIn(trigger.data()), absl::Now(), opened});
  }

  const std::string address_;
  Journal* const journal_;
  std::atomic<bool> is_over_ = false;
  std::atomic<int> ticks_ = 0;
  std::thread thread_;
};

std::map<std::string, int> List(const std::string& address) {
  SchedulerClient client(address);
  std::vector<pb::NamedJob> jobs;
  const grpc::Status status = client.List(integration::AppMetadata(), &jobs);
  INFO(status.error_message());
  REQUIRE(status.ok());
  std::map<std::string, int> listed;
  for (const pb::NamedJob& job : jobs) {
    if (job.name() != "tick") listed[job.name()] = RevisionIn(job.job().data());
  }
  return listed;
}

void RequireNone(const std::vector<std::string>& findings) {
  std::string text;
  for (const std::string& finding : findings) text += "\n  " + finding;
  INFO("BELFRY_TEST_SEED=" << Seed() << text);
  REQUIRE(findings.empty());
}

// With all load paused, what the journal says is true.
void CheckNow(const std::string& address, const Journal& journal,
              const std::vector<std::unique_ptr<Load>>& loads) {
  for (const auto& load : loads) load->Pause();
  for (const auto& load : loads) REQUIRE(load->has_stopped());
  RequireNone(journal.CheckList(List(address)));
  RequireNone(journal.CheckDeliveries());
  for (const auto& load : loads) load->Resume();
}

TEST_CASE("a scheduler that is killed again and again keeps every promise") {
  const int kills = Kills();
  const int ticks = 5 * kills;
  std::mt19937 random(static_cast<unsigned>(Seed()));
  std::uniform_int_distribution<int> draw_life_ms(kShortestLifeMs, kLongestLifeMs);

  const TempDir dir;
  Journal journal(dir / "journal");
  SchedulerProcess scheduler({.port = integration::FreePort()});
  const std::string address = scheduler.address();
  pb::Job tick = integration::Recurring("@every 100ms");
  tick.set_repeats(static_cast<uint32_t>(ticks));
  REQUIRE(SchedulerClient(address).Schedule("tick", tick).ok());

  Receiver receiver(address, &journal);
  std::vector<std::unique_ptr<Load>> loads;
  for (unsigned i = 0; i < kLoadThreads; ++i) {
    loads.push_back(std::make_unique<Load>(address, i, &journal));
  }
  for (int kill = 0; kill < kills; ++kill) {
    const size_t before = journal.acknowledged_count();
    REQUIRE(Eventually([&] { return journal.acknowledged_count() >= before + kAnswersPerLife; }));
    // When the kill comes is the point of the test.
    std::this_thread::sleep_for(std::chrono::milliseconds(draw_life_ms(random)));
    scheduler.Kill();
    scheduler.Start();
    INFO("kill " << kill);
    CheckNow(address, journal, loads);
  }
  loads.clear();
  CHECK(Eventually([&] { return journal.Missing(absl::Now()).empty(); }));
  CHECK(Eventually([&] { return !SchedulerClient(address).Has("tick"); }));
  // None is lost, and a kill repeats at most the one in flight.
  CHECK(receiver.tick_count() >= ticks);
  CHECK(receiver.tick_count() <= ticks + kills);
  RequireNone(journal.CheckList(List(address)));
  RequireNone(journal.CheckDeliveries());
  RequireNone(journal.Missing(absl::Now()));
}

// The checker itself: the log is taken away from under a dead scheduler.
TEST_CASE("acknowledged jobs that are gone are found") {
  const TempDir dir;
  Journal journal(dir / "journal");
  SchedulerProcess scheduler({.port = integration::FreePort()});
  {
    SchedulerClient client(scheduler.address());
    for (int i = 0; i < 3; ++i) {
      const std::string name = "far-" + std::to_string(i);
      const int revision = journal.Ask(name, false, absl::Now() + absl::Hours(1));
      REQUIRE(client.Schedule(name, WithText(DueIn("1h"), std::to_string(revision))).ok());
      journal.Acknowledge(name);
    }
  }
  RequireNone(journal.CheckList(List(scheduler.address())));
  scheduler.Kill();
  for (const auto& entry : std::filesystem::directory_iterator(scheduler.data_dir())) {
    if (entry.path().extension() == ".log") std::filesystem::resize_file(entry.path(), 0);
  }
  scheduler.Start();
  CHECK(journal.CheckList(List(scheduler.address())).size() == 3);
}

TEST_CASE("deliveries that must not be are found") {
  const TempDir dir;
  Journal journal(dir / "journal");
  const absl::Time due = absl::Now();
  const auto ask = [&](const std::string& name, bool is_delete) {
    const int revision = journal.Ask(name, is_delete, due);
    journal.Acknowledge(name);
    return revision;
  };
  const int early = ask("early", false);
  journal.Delivered({"early", early, due - absl::Milliseconds(1), due});
  const int settled = ask("settled", false);
  journal.Settled("settled", settled);
  const absl::Time later = absl::Now() + absl::Seconds(1);
  journal.Delivered({"settled", settled, later, later});
  const int replaced = ask("replaced", false);
  ask("replaced", false);
  journal.Delivered({"replaced", replaced, later, later});
  const int deleted = ask("deleted", false);
  ask("deleted", true);
  journal.Delivered({"deleted", deleted, later, later});
  journal.Delivered({"unknown", 99, later, later});
  CHECK(journal.CheckDeliveries().size() == 5);
  CHECK(journal.Missing(later) == std::vector<std::string>{"replaced"});
}

}  // namespace
}  // namespace belfry::crash
