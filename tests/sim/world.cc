#include "tests/sim/world.h"

#include <algorithm>
#include <utility>

#include "scheduler/base/check.h"
#include "scheduler/base/limits.h"

namespace belfry::sim {
namespace {

// How deep threads may be stopped inside of each other.
constexpr int kMaxDepth = 3;
constexpr int kLoaderThreads = 2;
// Of the writes while the store is stalled, in a thousand.
constexpr int kPutOff = 800;

absl::Status Ended() { return absl::UnavailableError("the process has ended"); }

}  // namespace

World::World(const Settings& settings, Random random, std::unique_ptr<Disk> disk, bool check_engine,
             Journal* journal)
    : settings_(settings),
      random_(random),
      disk_(std::move(disk)),
      check_engine_(check_engine),
      journal_(journal),
      oracle_(journal),
      clock_(settings.drift_ppm),
      store_(this) {}

World::~World() {
  if (end_ == End::kNone) end_ = End::kKilled;
  held_.clear();
  loop_.reset();
}

void World::Open() {
  end_ = End::kNone;
  opening_ = true;
  const absl::Status opened = disk_->Open();
  if (!opened.ok()) return journal_->Fail("the disk does not open: {}", opened.ToString());
  store_.set_inner(&disk_->store());
  LoopOptions options;
  options.on_fatal = [this](const absl::Status& status) {
    if (end_ == End::kNone) journal_->Fail("the loop gave up: {}", status.ToString());
  };
  options.hold_result = [this](absl::AnyInvocable<void()> hand_over) {
    held_.push_back({reader_, std::move(hand_over)});
  };
  auto loop = SchedulerLoop::Open(&store_, &clock_, std::move(options));
  opening_ = false;
  if (!loop.ok()) return journal_->Fail("the loop does not open: {}", loop.status().ToString());
  loop_ = *std::move(loop);
  latest_ = clock_.Now();
  // Most clients connect again as soon as they can.
  for (int group = 0; group < settings_.groups; ++group) {
    if (!random_.OneIn(3)) Connect(DrawGroups(group), /*is_good=*/false);
  }
}

void World::Restart() {
  const bool power_lost =
      end_ == End::kPowerLost || (end_ == End::kStoreFailed && random_.OneIn(2));
  if (end_ == End::kStoreFailed) disk_->Fail(power_lost);
  held_.clear();
  mailbox_.clear();
  loop_.reset();
  CheckAnswered();
  if (journal_->failed()) return;
  disk_->Close();
  oracle_.Restarted(power_lost);
  watchers_.clear();
  lists_.clear();
  holding_ = false;
  write_failed_ = false;
  ++ends_;
  journal_->Note("starts again {}", power_lost ? "after a power cut" : "");
  Open();
}

void World::StopCleanly() {
  // What the mailbox holds must fit into one turn, so that the oracle can follow.
  while (mailbox_.size() > kMaxEventsPerTurn && !over() && !holding_) Turn();
  if (over() || holding_) return;
  journal_->Note("stops");
  held_.clear();
  stopping_ = true;
  oracle_.BeginTurn();
  for (Mail& mail : std::exchange(mailbox_, {})) {
    if (mail.take) mail.take(clock_.Now());
  }
  const absl::Status status = loop_->Stop();
  oracle_.EndTurn(false);
  if (!status.ok()) journal_->Fail("stopping failed: {}", status.ToString());
  if (!oracle_.all_durable()) journal_->Fail("stopped with changes that are not durable");
  // From here on as after any end.
  end_ = End::kKilled;
  disk_->Fail(/*power_lost=*/false);
  stopping_ = false;
}

void World::MayEnd() {
  if (!faults_ || over() || stopping_ || opening_ || !random_.PerMille(settings_.end)) return;
  switch (random_.Below(5)) {
    case 0:
      end_ = End::kStoreFailed;
      journal_->Note("the store fails");
      return;
    case 1:
    case 2:
      end_ = End::kKilled;
      journal_->Note("killed");
      break;
    default:
      end_ = End::kPowerLost;
      journal_->Note("power lost");
  }
  disk_->Fail(end_ == End::kPowerLost);
}

absl::Status World::BeforeCall(StoreCall call) {
  if (end_ != End::kNone) return EndedIn(call);
  if (opening_ || stopping_) return absl::OkStatus();
  if (call == StoreCall::kWrite && stalled_ && random_.PerMille(kPutOff)) {
    holding_ = true;
    journal_->Note("write put off");
    return absl::ResourceExhaustedError("the store is stalled");
  }
  OtherThreads();
  return EndedIn(call);
}

absl::Status World::EndedIn(StoreCall call) {
  MayEnd();
  if (end_ == End::kNone) return absl::OkStatus();
  write_failed_ = write_failed_ || (end_ == End::kStoreFailed && call == StoreCall::kWrite);
  return Ended();
}

absl::Status World::AfterCall(StoreCall call) {
  switch (call) {
    case StoreCall::kWrite:
      if (oracle_.all_durable()) dirty_since_ = clock_.Monotonic();
      oracle_.Written();
      break;
    case StoreCall::kSync:
      journal_->Note("synced");
      oracle_.Synced();
      break;
    case StoreCall::kSnapshot:
      if (list_running_ != nullptr) list_running_->view = oracle_.written();
      return absl::OkStatus();
    case StoreCall::kRead:
      break;
  }
  if (opening_ || stopping_) return absl::OkStatus();
  OtherThreads();
  return EndedIn(call);
}

void World::Turn() {
  CHECK(!in_turn_);
  if (over()) return;
  const absl::Time now = clock_.Now();
  if (!holding_) {
    oracle_.BeginTurn();
    for (size_t taken = 0; taken < kMaxEventsPerTurn && !mailbox_.empty(); ++taken) {
      Mail mail = std::move(mailbox_.front());
      mailbox_.pop_front();
      if (mail.take) mail.take(now);
    }
  }
  holding_ = false;
  in_turn_ = true;
  sleep_ = loop_->RunOnce();
  in_turn_ = false;
  if (over()) return;
  oracle_.EndTurn(holding_);
  if (check_engine_) loop_->CheckInvariants();
}

bool World::RunReader(Reader reader) {
  int& busy = reading_[static_cast<size_t>(reader)];
  if (over() || busy >= (reader == Reader::kLoader ? kLoaderThreads : 1)) return false;
  if (reader == Reader::kLister && !lists_.empty()) {
    list_running_ = lists_.front();
    lists_.pop_front();
  }
  ++busy;
  const Reader outer = std::exchange(reader_, reader);
  const bool worked = loop_->RunReader(reader);
  reader_ = outer;
  --busy;
  if (reader == Reader::kLister) list_running_ = nullptr;
  return worked;
}

bool World::RunAnyReader() {
  const int first = random_.Below(3);
  for (int i = 0; i < 3; ++i) {
    if (RunReader(static_cast<Reader>((first + i) % 3))) return true;
  }
  return false;
}

bool World::HandOver(bool may_hold) {
  if (over() || held_.empty()) return false;
  const auto it = held_.begin() + static_cast<std::ptrdiff_t>(random_.IndexOf(held_.size()));
  const int chance = it->reader == Reader::kLoader ? settings_.hold_load : settings_.hold_scan;
  if (may_hold && random_.PerMille(chance)) return false;
  absl::AnyInvocable<void()> hand_over = std::move(it->hand_over);
  held_.erase(it);
  hand_over();
  mailbox_.push_back({});
  return true;
}

bool World::RunSyncer() {
  if (over() || syncing_) return false;
  syncing_ = true;
  const bool worked = loop_->RunSyncer();
  syncing_ = false;
  return worked;
}

void World::RunSomething() {
  switch (random_.Below(6)) {
    case 0:
    case 1:
      if (!in_turn_) Turn();
      return;
    case 2:
      if (!random_.PerMille(settings_.read_late)) RunAnyReader();
      return;
    case 3:
      HandOver(/*may_hold=*/true);
      return;
    case 4:
      RunSyncer();
      return;
    default:
      if (faults_) DoSomething();
      return;
  }
}

void World::OtherThreads() {
  if (over() || depth_ >= kMaxDepth || !random_.PerMille(settings_.interleave)) return;
  ++depth_;
  RunSomething();
  --depth_;
}

}  // namespace belfry::sim
