// The engine's requests: schedule, delete, delete by prefix, purge.

#include <utility>

#include "scheduler/base/check.h"
#include "scheduler/base/limits.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/engine/engine_state.h"
#include "spdlog/fmt/fmt.h"
#include "spdlog/spdlog.h"

namespace belfry {

void Engine::On(ScheduleEvent& event, absl::Time) {
  absl::Status status = Schedule(event);
  effects_.answers.push_back({std::move(event.reply), std::move(status)});
}

absl::Status Engine::Schedule(ScheduleEvent& event) {
  std::optional<NameEntry> old;  // whose records must go
  ASSIGN_OR_RETURN(const auto live, FindLive(event.job_key, &old));
  if (live.has_value()) {
    if (!event.overwrite) {
      return absl::AlreadyExistsError(
          fmt::format("job already exists: '{}'", DisplayName(event.key)));
    }
    old = live;
  }
  if (store_->write_pressure() == WritePressure::kRefuseNewWork) {
    return absl::ResourceExhaustedError(
        "the store cannot take new jobs now: it is behind with flushing; try again");
  }
  if (!old.has_value()) RETURN_IF_ERROR(job_counts_.CheckRoom(event.job_key));
  RETURN_IF_ERROR(store_->AdmitNewJobs(batch_.batch().byte_size() + event.job_key.size() +
                                       event.record.size()));
  const auto first = event.restored.has_value() ? std::optional(event.restored->first_due)
                                                : NextTick(event.spec, Progress{});
  Group* group = nullptr;
  if (first.has_value()) {
    ASSIGN_OR_RETURN(group, EnsureGroup(event.key.target, event.concurrency_key));
  }
  if (old.has_value()) {
    RETURN_IF_ERROR(EraseJob(event.job_key, *old));
    foreground_ = true;
  }
  if (group == nullptr) {
    // Its expiration precedes its first tick: accepted, and over at once.
    if (old.has_value()) DeleteName(event.job_key);
    return absl::OkStatus();
  }
  const uint64_t id = NewJobId();
  PutName(event.job_key, {id, *first, event.concurrency_key.empty() ? 0 : group->id},
          /*is_new=*/!old.has_value());
  batch_.PutJob(id, std::move(event.record));
  Position position{*first, id};
  if (event.restored.has_value() && event.restored->counter.has_value()) {
    batch_.PutCounter(id, *event.restored->counter);
    position.time = event.restored->counter->due;
  }
  AddEntry(*group, position, absl::InfinitePast());
  foreground_ = true;
  return absl::OkStatus();
}

void Engine::On(DeleteEvent& event, absl::Time) {
  absl::Status status = Delete(event);
  effects_.answers.push_back({std::move(event.reply), std::move(status)});
}

absl::Status Engine::Delete(const DeleteEvent& event) {
  std::optional<NameEntry> stale;
  ASSIGN_OR_RETURN(const auto live, FindLive(event.job_key, &stale));
  if (!live.has_value()) return absl::OkStatus();
  RETURN_IF_ERROR(EraseJob(event.job_key, *live));
  DeleteName(event.job_key);
  foreground_ = true;
  return absl::OkStatus();
}

void Engine::On(DeletePrefixEvent& event, absl::Time) {
  absl::Status status = DeletePrefix(event.prefix);
  effects_.answers.push_back({std::move(event.reply), std::move(status)});
}

absl::Status Engine::DeletePrefix(const std::string& prefix) {
  CHECK(!prefix.empty()) << "an empty prefix would delete every job";
  const auto current = prefix_deletes_.CeilingOf(prefix);
  const uint64_t ceiling = next_job_id_ - 1;
  if (current == ceiling) return absl::OkStatus();  // covered by the delete that is under way
  if (!current.has_value() && prefix_deletes_.size() >= limit_values_.max_prefix_deletes) {
    return absl::ResourceExhaustedError(
        fmt::format("too many prefix deletes are still being carried out (limit: "
                    "--max-prefix-deletes={}); try again",
                    limit_values_.max_prefix_deletes));
  }
  batch_.PutPrefixDelete(prefix, ceiling);
  prefix_deletes_.Add(prefix, ceiling);
  effects_.prefix_deletes_changed = true;
  effects_.purges.push_back({prefix, ceiling, prefix});
  foreground_ = true;
  return absl::OkStatus();
}

void Engine::On(PurgeEvent& event, absl::Time) {
  firing_.ScannerTold();
  // A later delete of the same prefix raised the ceiling and started its own purge.
  if (prefix_deletes_.CeilingOf(event.request.prefix) != event.request.ceiling) return;
  if (absl::Status status = Purge(event); !status.ok()) {
    // The jobs stay hidden; the purge is taken up again by the next start.
    spdlog::error("purge of deleted jobs stopped error=\"{}\"", status.ToString());
  }
}

absl::Status Engine::Purge(const PurgeEvent& event) {
  const PurgeRequest& request = event.request;
  for (const PurgeEvent::Job& job : event.jobs) {
    if (job.job_id > request.ceiling) continue;
    ASSIGN_OR_RETURN(const auto entry, batch_.GetName(job.job_key));
    // A newer job of the same name must not be touched; its old records went when it came.
    if (!entry.has_value() || entry->job_id != job.job_id) continue;
    RETURN_IF_ERROR(EraseJob(job.job_key, *entry));
    DeleteName(job.job_key);
  }
  if (!event.done) {
    effects_.purges.push_back({request.prefix, request.ceiling, event.next});
    return absl::OkStatus();
  }
  batch_.DeletePrefixDelete(request.prefix);
  prefix_deletes_.Remove(request.prefix);
  effects_.prefix_deletes_changed = true;
  return absl::OkStatus();
}

void Engine::On(NameFoundEvent& event, absl::Time) {
  // Found by somebody else, replaced or deleted meanwhile.
  if (batch_.GetName(event.job_key).ok()) return;
  const auto bytes = store_->Get(Table::kNames, event.job_key);
  if (!bytes.ok() || !bytes->has_value()) {
    spdlog::error("name record not rebuilt error=\"{}\"", bytes.status().ToString());
    return;
  }
  SetAside(Table::kNames, event.job_key, **bytes, "name record does not parse");
  // Namespaces count names, readable or not.
  if (event.entry.has_value()) return batch_.PutName(event.job_key, *event.entry);
  DeleteName(event.job_key);
}

absl::StatusOr<std::optional<NameEntry>> Engine::FindLive(const std::string& job_key,
                                                          std::optional<NameEntry>* stale) {
  ASSIGN_OR_RETURN(auto entry, batch_.GetName(job_key));
  if (!entry.has_value()) return std::nullopt;
  if (!prefix_deletes_.Covers(job_key, entry->job_id)) return entry;
  *stale = entry;
  return std::nullopt;
}

void Engine::PutName(const std::string& job_key, const NameEntry& entry, bool is_new) {
  batch_.PutName(job_key, entry);
  if (is_new) job_counts_.Added(job_key);
}

void Engine::DeleteName(const std::string& job_key) {
  batch_.DeleteName(job_key);
  job_counts_.Removed(job_key);
}

absl::Status Engine::EraseJob(const std::string& job_key, const NameEntry& entry) {
  ASSIGN_OR_RETURN(const auto counter, TakeCounter(entry.job_id));
  Group* group = FindGroup(entry.group_id);
  if (entry.group_id == 0) {
    const auto target_key = TargetPart(job_key);
    if (!target_key.has_value()) {
      return absl::DataLossError("a job key of the names table is malformed");
    }
    group = FindGroup(*target_key);
  }
  batch_.DeleteJob(entry.job_id);
  if (counter.has_value()) batch_.DeleteCounter(entry.job_id);
  batch_.DeleteDue(group != nullptr ? group->id : entry.group_id,
                   {counter.has_value() ? counter->due : entry.first_due, entry.job_id});
  // A group with a key may have been given up, if the job's entry was set aside or lies under a
  // prefix delete; nothing of it is in memory then.
  if (group != nullptr) Forget(*group, entry.job_id);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Counter>> Engine::TakeCounter(uint64_t job_id) {
  auto counter = batch_.GetCounter(job_id);
  if (!absl::IsDataLoss(counter.status())) return counter;
  // It must not keep the job from being deleted. The index entry, whose place only the counter
  // knew, goes when a load finds the job gone.
  const std::string key = EncodeId(job_id);
  ASSIGN_OR_RETURN(auto bytes, store_->Get(Table::kCounters, key));
  if (bytes.has_value()) {
    SetAside(Table::kCounters, key, *std::move(bytes), std::string(counter.status().message()));
  }
  batch_.DeleteCounter(job_id);
  return std::nullopt;
}

}  // namespace belfry
