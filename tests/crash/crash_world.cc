#include "tests/crash/crash_world.h"

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "scheduler/base/check.h"
#include "scheduler/base/limits.h"
#include "scheduler/base/status_macros.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

// Far longer than a flush of these small memtables takes.
constexpr absl::Duration kFlushWait = absl::Milliseconds(500);

constexpr char kApp[] = "app";
constexpr char kNamespace[] = "ns";
// Names of each kind.
constexpr int kFarJobs = 12;   // due in an hour
constexpr int kTickJobs = 3;   // every second
constexpr int kOnceJobs = 4;   // due at once, and gone when answered
constexpr int kGroupJobs = 6;  // deleted by their prefix
constexpr int kOpsPerRound = 4;
constexpr int kPayloadBytesMax = 60000;
// A disk so small that logs are switched every megabyte, and tables flushed and compacted.
constexpr uint64_t kDiskBytes = uint64_t{40} << 20;
// Turns in which the store may put a write off.
constexpr int kHoldsMax = 20000;

dapr::proto::scheduler::v1::JobMetadata Metadata() {
  dapr::proto::scheduler::v1::JobMetadata metadata;
  metadata.set_app_id(kApp);
  metadata.set_namespace_(kNamespace);
  metadata.mutable_target()->mutable_job();
  return metadata;
}

int RevisionOf(std::string_view payload) {
  int revision = 0;
  std::from_chars(payload.data(), payload.data() + payload.size(), revision);
  return revision;
}

std::string Numbered(const char* kind, int number) { return fmt::format("{}-{}", kind, number); }

}  // namespace

CrashWorld::CrashWorld(uint64_t seed)
    : random_(seed),
      files_(std::make_shared<PowerLossFileSystem>(seed, Loss::kAfterSomeByte)),
      patient_env_(rocksdb::NewCompositeEnv(files_)),
      env_(patient_env_.get()),
      clock_(absl::FromUnixSeconds(1'700'000'000)) {}

CrashWorld::~CrashWorld() {
  if (store_ != nullptr) Crash(false);
}

absl::Status CrashWorld::Open() {
  fatal_ = absl::OkStatus();
  const auto measure = [] { return DiskSpace{kDiskBytes, kDiskBytes}; };
  ASSIGN_OR_RETURN(
      store_, RocksDbStore::Open(
                  {.path = data_dir(), .env = &env_, .reserve = DiskReserveOptions{0, measure}}));
  LoopOptions options;
  options.on_fatal = [this](const absl::Status& status) { fatal_ = status; };
  ASSIGN_OR_RETURN(loop_, SchedulerLoop::Open(store_.get(), &clock_, std::move(options)));
  watcher_ = std::make_shared<RecordingWatcher>();
  answered_ = 0;
  watcher_->id = loop_->AddWatcher(watcher_, {ParseTarget(Metadata()).value()});
  return absl::OkStatus();
}

void CrashWorld::Live(int rounds) {
  if (fatal_ = Open(); failed()) return;
  RunUntilIdle();
  for (int round = 0; round < rounds && !failed(); ++round) {
    Work();
    RunUntilIdle();
    AnswerTriggers();
    RunUntilIdle();
    if (random_.OneIn(3)) clock_.Advance(absl::Seconds(1));
  }
}

// A round's requests are about different names, so that their order does not matter.
void CrashWorld::Work() {
  std::set<std::string> touched;
  const auto draw = [&](const char* kind, int count) {
    std::string name = Numbered(kind, random_.Below(count));
    return touched.insert(name).second ? name : std::string();
  };
  for (int i = 0; i < kOpsPerRound; ++i) {
    const int kind = random_.Below(10);
    std::string name;
    if (kind < 4) {
      if (name = draw("far", kFarJobs); !name.empty()) Schedule(name, {.due_time = "1h"});
    } else if (kind < 6) {
      if (name = draw("far", kFarJobs); !name.empty()) Delete(name);
    } else if (kind < 7) {
      if (name = draw("tick", kTickJobs); !name.empty()) Schedule(name, {.schedule = "@every 1s"});
    } else if (kind < 8) {
      if (name = draw("once", kOnceJobs); !name.empty()) Schedule(name, {.due_time = "0s"});
    } else if (!touched.contains("group")) {
      if (name = draw("group", kGroupJobs); !name.empty()) Schedule(name, {.due_time = "1h"});
    }
  }
  const bool has_group_job = !touched.empty() && touched.lower_bound("group") != touched.end() &&
                             touched.lower_bound("group")->starts_with("group");
  if (!has_group_job && random_.OneIn(5)) DeletePrefix("group-");
}

void CrashWorld::Schedule(const std::string& name, const JobText& text) {
  const int revision = ++last_revision_;
  dapr::proto::scheduler::v1::Job job;
  if (text.schedule) job.set_schedule(*text.schedule);
  if (text.due_time) job.set_due_time(*text.due_time);
  std::string payload = fmt::format("{} ", revision);
  // What does not compress.
  const int bytes = random_.Below(kPayloadBytesMax);
  while (static_cast<int>(payload.size()) < bytes) payload += static_cast<char>(random_.Next());
  job.mutable_data()->set_value(payload);
  FillDefaultFailurePolicy(&job);
  auto spec = ParseJob(job, clock_.Now());
  CHECK(spec.ok()) << spec.status().ToString();
  names_[name].revisions.insert(revision);
  loop_->Schedule(ParseJobKey(Metadata(), name).value(), Metadata(), std::move(job),
                  *std::move(spec), /*overwrite=*/true, WhenAcknowledged([this, name, revision] {
                    names_[name].revisions = {revision};
                  }));
}

void CrashWorld::Delete(const std::string& name) {
  names_[name].revisions.insert(0);
  loop_->Delete(ParseJobKey(Metadata(), name).value(),
                WhenAcknowledged([this, name] { names_[name].revisions = {0}; }));
}

void CrashWorld::DeletePrefix(const std::string& prefix) {
  std::vector<std::string> covered;
  for (auto& [name, state] : names_) {
    if (!name.starts_with(prefix)) continue;
    state.revisions.insert(0);
    covered.push_back(name);
  }
  loop_->DeletePrefix(NamePrefix(Metadata(), prefix).value(), WhenAcknowledged([this, covered] {
                        for (const std::string& name : covered) names_[name].revisions = {0};
                      }));
}

void CrashWorld::AnswerTriggers() {
  for (; answered_ < watcher_->triggers.size() && !failed(); ++answered_) {
    const auto& trigger = watcher_->triggers[answered_];
    const int revision = RevisionOf(trigger.data().value());
    Name& name = names_[trigger.name()];
    if (trigger.name().starts_with("once")) {
      name.revisions.insert(0);
    } else if (name.ticking == revision) {
      ++name.settled;
    } else {
      name.ticking = revision;
      name.settled = 1;
      name.durable = 0;
    }
    loop_->Settle(watcher_->id, trigger.id(), Outcome::kSuccess);
  }
}

// Order is kept: with a request, everything that was answered before it is durable.
Reply CrashWorld::WhenAcknowledged(std::function<void()> then) {
  std::map<std::string, Name> before;
  for (const auto& [name, state] : names_) {
    if (name.starts_with("tick")) before.emplace(name, state);
  }
  return [this, before = std::move(before), then = std::move(then)](const absl::Status& status) {
    if (!status.ok()) return;
    ++acknowledged_;
    for (const auto& [name, state] : before) {
      Name& now = names_[name];
      if (now.ticking == state.ticking) now.durable = std::max(now.durable, state.settled);
    }
    then();
  };
}

void CrashWorld::RunUntilIdle() {
  bool is_idle = false;
  for (int holds = 0; !is_idle && !failed();) {
    const absl::Duration sleep = loop_->RunOnce();
    if (sleep == kWriteRetryPause) {
      CHECK(++holds < kHoldsMax) << "the store does not take a write";
      std::this_thread::sleep_for(absl::ToChronoMicroseconds(sleep));
      continue;
    }
    // A flush whose call has failed may hang; nothing but an end of the process helps then.
    if (const absl::Status flushed = store_->WaitForFlushes(kFlushWait); !flushed.ok()) {
      fatal_ = flushed;
      return;
    }
    is_idle = sleep > absl::ZeroDuration() && !loop_->RunReaders() && !loop_->RunSyncer();
  }
}

void CrashWorld::Crash(bool power_lost) {
  files_->Freeze();
  loop_.reset();
  watcher_.reset();
  store_.reset();
  files_->Thaw(power_lost);
}

std::vector<std::string> CrashWorld::Check() {
  files_->FailCall(0, PowerLossFileSystem::Failure::kError);
  if (const absl::Status opened = Open(); !opened.ok()) return {"start: " + opened.ToString()};
  RunUntilIdle();
  if (failed()) return {"first turns: " + fatal_.ToString()};
  StoreContents contents = ReadContents(*store_);
  std::vector<std::string> findings = std::move(contents.findings);
  for (auto& [text, name] : names_) {
    const auto found = contents.jobs.find(text);
    if (found != contents.jobs.end()) {
      Compare(found->second, text, name, &findings);
      name.revisions = {RevisionOf(found->second.payload)};
      name.settled = name.durable = found->second.settled;
      continue;
    }
    if (!name.revisions.contains(0)) findings.push_back(text + " is lost");
    name.revisions = {0};
  }
  loop_.reset();
  watcher_.reset();
  store_.reset();
  return findings;
}

void CrashWorld::Compare(const StoredJob& job, const std::string& text, const Name& name,
                         std::vector<std::string>* findings) const {
  const int revision = RevisionOf(job.payload);
  if (!name.revisions.contains(revision)) {
    findings->push_back(fmt::format("{} is of revision {}", text, revision));
  }
  if (name.ticking != revision) return;
  if (job.settled < name.durable || job.settled > name.settled) {
    findings->push_back(fmt::format("{} counts {} ticks, expected {} to {}", text, job.settled,
                                    name.durable, name.settled));
  }
}

}  // namespace belfry
