#include "tests/sim/oracle.h"

#include <algorithm>

#include "scheduler/base/check.h"
#include "tests/support/decode_list.h"

namespace belfry::sim {

uint64_t State::ChangedOf(const Name& name) const {
  const auto it = changed.find(name);
  return it == changed.end() ? 0 : it->second;
}

uint64_t State::ChangedIn(const Area& area) const {
  uint64_t turn = 0;
  for (const auto& [name, changed_turn] : changed) {
    if (area.Contains(name)) turn = std::max(turn, changed_turn);
  }
  return turn;
}

void Oracle::Take(Request& request, bool refuses_new_work) {
  request.taken = true;
  switch (request.kind) {
    case Request::Kind::kSchedule:
      if (refuses_new_work && (request.overwrite || !now_.live.contains(request.name))) {
        request.expected = absl::StatusCode::kResourceExhausted;
        return;
      }
      TakeSchedule(request);
      request.told_turn = now_.ChangedOf(request.name);
      break;
    case Request::Kind::kDelete:
      if (now_.live.contains(request.name)) End(request.name);
      request.told_turn = now_.ChangedOf(request.name);
      break;
    case Request::Kind::kDeleteArea: {
      std::vector<Name> ended;
      for (const auto& [name, job] : now_.live) {
        if (request.area.Contains(name)) ended.push_back(name);
      }
      for (const Name& name : ended) End(name);
      request.told_turn = now_.ChangedIn(request.area);
      break;
    }
  }
  journal_->Note("turn {} takes request {}: {}", turn_, request.number,
                 absl::StatusCodeToString(request.expected));
}

void Oracle::TakeSchedule(Request& request) {
  if (now_.live.contains(request.name)) {
    if (!request.overwrite) {
      request.expected = absl::StatusCode::kAlreadyExists;
      return;
    }
    End(request.name);
  }
  const auto first = request.plan->ticks.Next(0, std::nullopt);
  if (!first.has_value()) return;  // over before it began
  LiveJob& job = now_.live[request.name];
  job.plan = request.plan;
  job.revision = request.revision;
  job.tick = job.due = *first;
  NoteChange(request.name);
}

void Oracle::End(const Name& name) {
  now_.live.erase(name);
  in_flight_.erase(name);
  undelivered_.erase(name);
  NoteChange(name);
}

void Oracle::NoteChange(const Name& name) {
  now_.changed[name] = turn_;
  changed_ = true;
  const GetCall::View view = ViewOf(now_, name);
  turn_changes_.emplace_back(name, view);
  for (GetCall* get : gets_) {
    if (get->name == name) get->views.push_back(view);
  }
}

void Oracle::TakeWatcher(WatcherId id, std::set<int> groups, std::vector<SimLimit> limits) {
  Seat& seat = seats_[id];
  seat.groups = std::move(groups);
  seat.limits = std::move(limits);
  for (const SimLimit& limit : seat.limits) {
    Limit& shared = limits_[{limit.group, limit.key}];
    shared.max = limit.max;  // the last one counts
    ++shared.seats;
  }
}

void Oracle::TakeEnd(WatcherId id) {
  const auto seat = seats_.extract(id);
  if (seat.empty()) return;
  for (const SimLimit& limit : seat.mapped().limits) {
    const auto shared = limits_.find({limit.group, limit.key});
    if (--shared->second.seats == 0) limits_.erase(shared);
  }
  for (const auto& [trigger, sent] : seat.mapped().triggers) {
    const auto& [name, revision, key] = sent;
    const auto job = now_.live.find(name);
    if (job == now_.live.end() || job->second.revision != revision) continue;
    in_flight_.erase(name);
    undelivered_.insert(name);
  }
}

void Oracle::TakeAnswer(WatcherId id, uint64_t trigger, bool success, absl::Time now) {
  const auto seat = seats_.find(id);
  if (seat == seats_.end()) return;
  const auto sent = seat->second.triggers.extract(trigger);
  if (sent.empty()) return;  // never sent, or answered already
  const auto& [name, revision, key] = sent.mapped();
  const auto it = now_.live.find(name);
  if (it == now_.live.end() || it->second.revision != revision) return;  // replaced meanwhile
  LiveJob& job = it->second;
  if (in_flight_.erase(name) == 0) journal_->Fail("{} has two triggers in flight", name.ToString());
  undelivered_.erase(name);
  changed_ = true;
  const RetryRule& retry = job.plan->retry;
  const bool again = !success && !retry.drop &&
                     (!retry.max_retries.has_value() || job.attempts < *retry.max_retries);
  if (again) {
    ++job.attempts;
    job.due = std::max(now + retry.interval, job.tick);
    return;
  }
  job.attempts = 0;
  job.last = job.tick;
  ++job.settled;
  const auto next = job.plan->ticks.Next(job.settled, job.last);
  if (!next.has_value()) return End(name);
  job.tick = job.due = *next;
}

void Oracle::Written() {
  if (changed_) written_ = std::make_shared<const State>(now_);
  changed_ = false;
  written_turn_ = turn_;
}

void Oracle::EndTurn(bool holding) {
  if (holding) return;
  for (const auto& [id, seat] : seats_) {
    for (const int group : seat.groups) {
      for (const std::string& key : ConcurrencyKeys()) {
        size_t& allowed = allowed_[{group, key}];
        allowed = std::max(allowed, LimitOf({group, key}));
      }
    }
  }
  if (changed_) journal_->Fail("turn {} changed jobs and wrote nothing", turn_);
  published_ = written_;
  turn_changes_.clear();
}

void Oracle::Synced() {
  durable_ = written_;
  durable_turn_ = written_turn_;
}

void Oracle::Restarted(bool power_lost) {
  if (power_lost) {
    written_ = durable_;
    written_turn_ = durable_turn_;
  }
  now_ = *written_;
  published_ = written_;
  changed_ = false;
  seats_.clear();
  limits_.clear();
  allowed_.clear();
  in_flight_.clear();
  undelivered_.clear();
  turn_changes_.clear();
  gets_.clear();
}

void Oracle::Sent(WatcherId id, const dapr::proto::scheduler::v1::WatchJobsResponse& message,
                  absl::Time latest) {
  ++sends_;
  const Name name = NameOf(message.metadata(), message.name());
  const uint64_t revision = RevisionOf(message.data());
  const std::string what = fmt::format("{} revision {}", name.ToString(), revision);
  journal_->Note("trigger {} of watcher {}: {}", message.id(), id, what);
  const auto seat = seats_.find(id);
  if (seat == seats_.end()) return journal_->Fail("{} was sent to an unknown watcher", what);
  if (message.id() != ++seat->second.last_trigger) {
    return journal_->Fail("{} was sent as trigger {} after {}", what, message.id(),
                          seat->second.last_trigger - 1);
  }
  if (!seat->second.groups.contains(name.group)) {
    return journal_->Fail("{} was sent to a watcher of others", what);
  }
  const std::string& key = message.metadata().concurrency_key();
  seat->second.triggers[message.id()] = {name, revision, key};
  const auto job = now_.live.find(name);
  if (job == now_.live.end()) return journal_->Fail("{} was sent, and does not exist", what);
  if (job->second.revision != revision) {
    return journal_->Fail("{} was sent, but the job is revision {}", what, job->second.revision);
  }
  if (message.data().SerializeAsString() != job->second.plan->job.data().SerializeAsString() ||
      message.metadata().SerializeAsString() !=
          MetadataOf(name.group, name.actor, job->second.plan->concurrency_key)
              .SerializeAsString()) {
    return journal_->Fail("{} was sent with other data", what);
  }
  if (job->second.due > latest) {
    return journal_->Fail("{} was sent {} early", what,
                          absl::FormatDuration(job->second.due - latest));
  }
  if (!in_flight_.insert(name).second) journal_->Fail("{} was sent while in flight", what);
  CheckLimit(what, {name.group, ""});
  if (!key.empty()) CheckLimit(what, {name.group, key});
}

size_t Oracle::LimitOf(const Gate& gate) const {
  const auto limit = limits_.find(gate);
  return limit == limits_.end() ? kNoLimit : limit->second.max;
}

size_t Oracle::Taken(const Gate& gate) const {
  size_t taken = 0;
  for (const auto& [id, seat] : seats_) {
    taken += static_cast<size_t>(
        std::count_if(seat.triggers.begin(), seat.triggers.end(), [&gate](const auto& entry) {
          const Trigger& trigger = entry.second;
          return trigger.name.group == gate.first &&
                 (gate.second.empty() || trigger.key == gate.second);
        }));
  }
  return taken;
}

void Oracle::CheckLimit(const std::string& what, const Gate& gate) {
  const auto allowed = allowed_.find(gate);
  const size_t most = allowed == allowed_.end() ? LimitOf(gate) : allowed->second;
  if (Taken(gate) <= most) return;
  journal_->Fail("{} was sent as number {} of {}/{}, at most {} are allowed", what, Taken(gate),
                 gate.first, gate.second, most);
}

bool Oracle::HasSlots(const Name& name) const {
  const std::string& key = now_.live.at(name).plan->concurrency_key;
  const auto free = [this](const Gate& gate) { return Taken(gate) < LimitOf(gate); };
  return free({name.group, ""}) && (key.empty() || free({name.group, key}));
}

size_t Oracle::unanswered(WatcherId id) const {
  const auto seat = seats_.find(id);
  return seat == seats_.end() ? 0 : seat->second.triggers.size();
}

void Oracle::CheckTold(const std::string& what, uint64_t turn) {
  if (turn <= durable_turn_) return;
  journal_->Fail("{} tells of turn {}, but only turn {} is durable", what, turn, durable_turn_);
}

void Oracle::Replied(Request& request, const absl::Status& status, bool stopping) {
  const std::string what = fmt::format("the reply to request {}", request.number);
  journal_->Note("{}: {}", what, status.ToString());
  if (++request.answers > 1) return journal_->Fail("{} came twice", what);
  if (stopping && absl::IsUnavailable(status)) return;
  if (!request.taken) return journal_->Fail("{} came before the loop took it", what);
  if (status.code() != request.expected) {
    return journal_->Fail("{} is {}, expected {}", what, status.ToString(),
                          absl::StatusCodeToString(request.expected));
  }
  // With a store that fails, earlier requests of the same turn may not have been carried out, so
  // there may have been nothing to delete.
  if (stopping && request.kind == Request::Kind::kDeleteArea) return;
  CheckTold(what, request.told_turn);
}

GetCall::View Oracle::ViewOf(const State& state, const Name& name) const {
  const auto it = state.live.find(name);
  if (it == state.live.end()) return {0, state.ChangedOf(name), nullptr};
  return {it->second.revision, state.ChangedOf(name), it->second.plan};
}

void Oracle::BeginGet(GetCall* call) {
  call->views = {ViewOf(*published_, call->name), ViewOf(*written_, call->name)};
  for (const auto& [name, view] : turn_changes_) {
    if (name == call->name) call->views.push_back(view);
  }
  gets_.push_back(call);
}

void Oracle::EndGet(GetCall* call) { std::erase(gets_, call); }

void Oracle::Got(GetCall& call, const absl::StatusOr<storage::v1::JobRecord>& record,
                 bool stopping) {
  const std::string what = fmt::format("the reply to Get {}", call.name.ToString());
  journal_->Note("{}: {}", what, record.status().ToString());
  if (++call.answers > 1) return journal_->Fail("{} came twice", what);
  if (stopping && absl::IsUnavailable(record.status())) return;
  if (!record.ok() && !absl::IsNotFound(record.status())) {
    return journal_->Fail("{} is {}", what, record.status().ToString());
  }
  const uint64_t revision = record.ok() ? RevisionOf(record->job().data()) : 0;
  std::optional<GetCall::View> seen;
  for (const GetCall::View& view : call.views) {
    if (view.revision != revision) continue;
    if (!seen.has_value() || view.turn < seen->turn) seen = view;
  }
  if (!seen.has_value()) return journal_->Fail("{} shows revision {}", what, revision);
  CheckTold(what, seen->turn);
  if (!record.ok()) return;
  // The one thing that the scheduler adds to what was submitted.
  auto expected = seen->plan->job;
  if (!expected.has_failure_policy()) {
    *expected.mutable_failure_policy() = record->job().failure_policy();
  }
  if (record->name() != call.name.name ||
      record->job().SerializeAsString() != expected.SerializeAsString()) {
    journal_->Fail("{} shows another job: {}", what, record->ShortDebugString());
  }
}

void Oracle::Listed(ListCall& call, const absl::StatusOr<EncodedList>& answer, bool stopping) {
  const std::string what = fmt::format("the list of {}", call.area.ToString());
  journal_->Note("{}: {}", what, answer.status().ToString());
  if (++call.answers > 1) return journal_->Fail("{} came twice", what);
  if (stopping && absl::IsUnavailable(answer.status())) return;
  if (call.view == nullptr) return journal_->Fail("{} came out of nowhere", what);
  std::map<Name, uint64_t> expected;
  for (const auto& [name, job] : call.view->live) {
    if (call.area.Contains(name)) expected[name] = job.revision;
  }
  if (call.tiny && !expected.empty()) {
    if (!absl::IsResourceExhausted(answer.status())) journal_->Fail("{} is too long", what);
    return;
  }
  if (!answer.ok()) return journal_->Fail("{} is {}", what, answer.status().ToString());
  const auto jobs = DecodeList(*answer);
  std::map<Name, uint64_t> found;
  for (const auto& job : jobs) {
    found[NameOf(job.metadata(), job.name())] = RevisionOf(job.job().data());
  }
  CheckTold(what, call.view->ChangedIn(call.area));
  if (found == expected && found.size() == jobs.size()) return;
  for (const auto& [name, revision] : found) {
    if (!expected.contains(name)) journal_->Fail("{} holds {}", what, name.ToString());
  }
  for (const auto& [name, revision] : expected) {
    if (!found.contains(name)) journal_->Fail("{} lacks {}", what, name.ToString());
  }
  journal_->Fail("{} shows other revisions", what);
}

}  // namespace belfry::sim
