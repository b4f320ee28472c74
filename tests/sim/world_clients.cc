// What clients and watchers do in a run.

#include <algorithm>
#include <utility>

#include "scheduler/base/limits.h"
#include "scheduler/job/job_spec.h"
#include "tests/sim/world.h"

namespace belfry::sim {
namespace {

JobKey KeyOf(const Name& name) { return JobKeyOf(MetadataOf(name.group, name.actor), name.name); }

}  // namespace

void World::DoSomething() {
  if (over()) return;
  struct Choice {
    int weight;
    std::function<void()> act;
  };
  const Choice choices[] = {
      {settings_.schedule, [&] { Schedule(); }},
      {settings_.remove, [&] { Delete(); }},
      {settings_.remove_area, [&] { DeleteArea(DrawArea(random_, settings_.groups)); }},
      {settings_.read, [&] { random_.OneIn(2) ? Get() : List(); }},
      {settings_.answer,
       [&] {
         if (SimWatcher* watcher = AnyWatcher()) Answer(*watcher);
       }},
      {settings_.watch,
       [&] {
         SimWatcher* watcher = AnyWatcher();
         if (watcher != nullptr && random_.OneIn(2)) return Disconnect(*watcher);
         if (static_cast<int>(watchers_.size()) < settings_.watchers_max || random_.OneIn(8)) {
           Connect(DrawGroups(random_.Below(settings_.groups)), /*is_good=*/false);
         }
       }},
      {1, [&] { AnswerNonsense(); }},
      {1,
       [&] {
         if (SimWatcher* watcher = AnyWatcher()) Drain(*watcher);
       }},
  };
  int sum = 0;
  for (const Choice& choice : choices) sum += choice.weight;
  int drawn = random_.Below(sum);
  for (const Choice& choice : choices) {
    drawn -= choice.weight;
    if (drawn < 0) return choice.act();
  }
}

void World::Submit(const std::shared_ptr<Request>& request,
                   const std::function<void(Reply)>& call) {
  request->number = ++last_request_;
  requests_.push_back(request);
  call([this, request](const absl::Status& status) { Replied(*request, status); });
  if (end_ != End::kNone || request->answers > 0) return;
  mailbox_.push_back({true, [this, request](absl::Time) {
                        oracle_.Take(*request, store_.write_pressure() != WritePressure::kNone);
                      }});
}

void World::Replied(Request& request, const absl::Status& status) {
  std::erase_if(requests_, [&](const auto& other) { return other.get() == &request; });
  const bool nobody_hears = end_ == End::kKilled || end_ == End::kPowerLost;
  if (nobody_hears) {
    if (++request.answers > 1) journal_->Fail("request {} was answered twice", request.number);
    return;
  }
  // What a process does with its mailbox while it dies, the oracle can't follow.
  if (!request.taken && end_ == End::kStoreFailed) {
    if (++request.answers > 1) journal_->Fail("request {} was answered twice", request.number);
    return;
  }
  // Only a full mailbox refuses a request before the loop has seen it.
  if (!request.taken && absl::IsResourceExhausted(status)) {
    ++request.answers;
    const auto waiting = std::count_if(mailbox_.begin(), mailbox_.end(),
                                       [](const Mail& mail) { return mail.is_request; });
    journal_->Note("request {} refused", request.number);
    if (static_cast<size_t>(waiting) < kMaxMailboxEvents) {
      journal_->Fail("request {} refused, only {} are waiting", request.number, waiting);
    }
    return;
  }
  oracle_.Replied(request, status, stopping_ || end_ != End::kNone);
  MayEnd();
}

void World::Schedule() {
  auto request = std::make_shared<Request>();
  request->kind = Request::Kind::kSchedule;
  request->name = DrawName(random_, settings_.groups, settings_.names);
  request->revision = ++last_revision_;
  request->overwrite = random_.OneIn(2);
  auto plan = std::make_shared<const JobPlan>(
      DrawJob(random_, clock_.Now(), request->revision, settings_.keyed));
  request->plan = plan;
  journal_->Note("schedule {} revision {} overwrite {}: {}", request->name.ToString(),
                 request->revision, request->overwrite, plan->job.ShortDebugString());
  auto job = plan->job;
  FillDefaultFailurePolicy(&job);
  auto spec = ParseJob(job, clock_.Now());
  if (!spec.ok()) return journal_->Fail("job refused: {}", spec.status().ToString());
  Submit(request, [&](Reply reply) {
    loop_->Schedule(KeyOf(request->name),
                    MetadataOf(request->name.group, request->name.actor, plan->concurrency_key),
                    job, *spec, request->overwrite, std::move(reply));
  });
}

void World::Delete() {
  auto request = std::make_shared<Request>();
  request->kind = Request::Kind::kDelete;
  request->name = DrawName(random_, settings_.groups, settings_.names);
  journal_->Note("delete {}", request->name.ToString());
  Submit(request, [&](Reply reply) { loop_->Delete(KeyOf(request->name), std::move(reply)); });
}

void World::DeleteArea(const Area& area) {
  auto request = std::make_shared<Request>();
  request->kind = Request::Kind::kDeleteArea;
  request->area = area;
  journal_->Note("delete all of {}", area.ToString());
  Submit(request, [&](Reply reply) { loop_->DeletePrefix(area.Prefix(), std::move(reply)); });
}

void World::Get() {
  auto call = std::make_shared<GetCall>();
  call->name = DrawName(random_, settings_.groups, settings_.names);
  gets_.push_back(call);
  oracle_.BeginGet(call.get());
  loop_->Get(KeyOf(call->name), [this, call](const auto& record) {
    std::erase(gets_, call);
    if (end_ == End::kKilled || end_ == End::kPowerLost) return;
    oracle_.Got(*call, record, stopping_ || end_ != End::kNone);
    MayEnd();
  });
  oracle_.EndGet(call.get());
}

void World::List() {
  auto call = std::make_shared<ListCall>();
  call->area = DrawOwner(random_, settings_.groups);
  call->tiny = random_.OneIn(10);
  list_calls_.push_back(call);
  lists_.push_back(call);
  loop_->List(call->area.Prefix(), call->tiny ? 1 : SIZE_MAX, [this, call](const auto& jobs) {
    std::erase(list_calls_, call);
    if (end_ == End::kKilled || end_ == End::kPowerLost) return;
    oracle_.Listed(*call, jobs, stopping_ || end_ != End::kNone);
    MayEnd();
  });
}

std::vector<int> World::DrawGroups(int first) {
  std::vector<int> groups{first};
  // Naming one twice is legal: it gives it more turns.
  while (random_.PerMille(settings_.more_groups)) groups.push_back(random_.Below(settings_.groups));
  return groups;
}

void World::Connect(std::vector<int> groups, bool is_good) {
  SimWatcher::Host* const host = this;
  auto watcher =
      std::make_shared<SimWatcher>(host, groups, is_good ? Manners{} : Manners::Draw(random_));
  std::vector<TargetKey> keys;
  for (const int group : groups) keys.push_back(GroupOf(group));
  const std::vector<SimLimit> limits = DrawLimits();
  std::vector<ConcurrencyLimit> declared;
  for (const SimLimit& limit : limits) {
    declared.push_back({GroupOf(limit.group), limit.key, limit.max});
  }
  watcher->id = loop_->AddWatcher(watcher, keys, declared);
  journal_->Note("watcher {} comes", watcher->id);
  watchers_.push_back(watcher);
  mailbox_.push_back({false, [this, id = watcher->id, groups, limits](absl::Time) {
                        oracle_.TakeWatcher(id, {groups.begin(), groups.end()}, limits);
                      }});
}

std::vector<SimLimit> World::DrawLimits() {
  std::vector<SimLimit> limits;
  while (random_.PerMille(settings_.limits)) {
    SimLimit limit;
    limit.group = random_.Below(settings_.groups);
    limit.key = random_.Pick(ConcurrencyKeys());
    // Often all watchers agree, as those of one app do.
    limit.max = settings_.limit_value > 0 ? static_cast<size_t>(settings_.limit_value)
                                          : static_cast<size_t>(random_.Between(1, 3));
    journal_->Note("limits {}/{} to {}", limit.group, limit.key, limit.max);
    limits.push_back(limit);
  }
  return limits;
}

void World::Disconnect(SimWatcher& watcher) {
  journal_->Note("watcher {} goes", watcher.id);
  watcher.is_gone = true;
  const WatcherId id = watcher.id;
  loop_->RemoveWatcher(id);
  mailbox_.push_back({false, [this, id](absl::Time) { oracle_.TakeEnd(id); }});
  std::erase_if(watchers_, [id](const auto& other) { return other->id == id; });
}

SimWatcher* World::AnyWatcher() {
  return watchers_.empty() ? nullptr : random_.Pick(watchers_).get();
}

void World::Answer(SimWatcher& watcher) {
  if (watcher.unanswered.empty()) return;
  const auto it = watcher.unanswered.begin() +
                  static_cast<std::ptrdiff_t>(random_.IndexOf(watcher.unanswered.size()));
  const uint64_t trigger = *it;
  if (!random_.PerMille(watcher.manners.repeats)) watcher.unanswered.erase(it);
  if (random_.PerMille(watcher.manners.forgets)) return;
  const bool success = !random_.PerMille(watcher.manners.fails);
  journal_->Note("watcher {} answers {}: {}", watcher.id, trigger, success);
  loop_->Settle(watcher.id, trigger, success ? Outcome::kSuccess : Outcome::kFailed);
  mailbox_.push_back({false, [this, id = watcher.id, trigger, success](absl::Time now) {
                        oracle_.TakeAnswer(id, trigger, success, now);
                      }});
}

void World::AnswerAll(SimWatcher& watcher) {
  while (!watcher.unanswered.empty()) Answer(watcher);
}

void World::AnswerNonsense() {
  // An id that was never given out, or somebody else's.
  const auto id = static_cast<WatcherId>(random_.Below(12));
  const auto trigger = static_cast<uint64_t>(random_.Below(40));
  loop_->Settle(id, trigger, Outcome::kSuccess);
  mailbox_.push_back({false, [this, id, trigger](absl::Time now) {
                        oracle_.TakeAnswer(id, trigger, /*success=*/true, now);
                      }});
}

void World::Drain(SimWatcher& watcher) {
  if (watcher.unsent == 0) return;
  watcher.unsent = random_.OneIn(4) ? watcher.unsent / 2 : 0;
  loop_->WatcherDrained(watcher.id);
  mailbox_.push_back({});
}

void World::Triggered(SimWatcher& watcher,
                      const dapr::proto::scheduler::v1::WatchJobsResponse& trigger) {
  if (write_failed_) return journal_->Fail("a trigger was sent although the write had failed");
  if (end_ != End::kNone) return;
  oracle_.Sent(watcher.id, trigger, latest_);
  if (watcher.is_gone) return;
  watcher.unanswered.push_back(trigger.id());
  if (watcher.manners.clogs) watcher.unsent += trigger.ByteSizeLong();
  MayEnd();
}

}  // namespace belfry::sim
