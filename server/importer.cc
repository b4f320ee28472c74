#include "server/importer.h"

#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "fmt/format.h"
#include "scheduler/base/mutex.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/engine/prefix_deletes.h"
#include "scheduler/job/job_key.h"
#include "scheduler/store/record_codec.h"
#include "server/admin_jobs.h"
#include "server/limits.h"

namespace belfry::server {
namespace {

// Counts answers that are still to come.
class Outstanding {
 public:
  explicit Outstanding(size_t count) : count_(count) {}

  void Done() {
    MutexLock lock(&mutex_);
    if (--count_ == 0) all_done_.SignalAll();
  }
  void Wait() {
    MutexLock lock(&mutex_);
    while (count_ > 0) all_done_.Wait();
  }

 private:
  Mutex mutex_;
  CondVar all_done_{&mutex_};
  size_t count_ ABSL_GUARDED_BY(mutex_);
};

std::string Text(const absl::Status& status) { return std::string(status.message()); }

}  // namespace

Importer::Importer(Context context, const v1::ImportOptions& options)
    : context_(std::move(context)), options_(options) {}

absl::Status Importer::Add(v1::ImportedJob job) {
  const uint64_t line = job.line();
  const size_t bytes = job.ByteSizeLong();
  absl::StatusOr<StoredJob> stored = FromExported(std::move(*job.mutable_job()));
  if (!stored.ok()) {
    // Those before it come first: one of them may end the import.
    if (fails_on_conflict()) RETURN_IF_ERROR(Flush());
    if (!ended_early()) Refuse(line, /*is_conflict=*/false, Text(stored.status()));
    return absl::OkStatus();
  }
  Item item;
  item.line = line;
  item.job_key = EncodeJobKey(JobKeyOf(stored->record.metadata(), stored->record.name()));
  item.job = *std::move(stored);
  batch_.push_back(std::move(item));
  batch_bytes_ += bytes;
  if (batch_.size() < kImportBatchJobs && batch_bytes_ < kImportBatchBytes) {
    return absl::OkStatus();
  }
  return Flush();
}

absl::Status Importer::Flush() {
  RETURN_IF_ERROR(ApplyConflictRule());
  std::vector<Item> items = std::exchange(batch_, {});
  batch_bytes_ = 0;
  if (!options_.dry_run()) RETURN_IF_ERROR(Store(&items));
  for (const Item& item : items) Note(item);
  return absl::OkStatus();
}

absl::Status Importer::ApplyConflictRule() {
  ASSIGN_OR_RETURN(const PrefixDeletes deleted, ReadPrefixDeletes(*context_.store));
  std::vector<Item> kept;
  std::set<std::string> seen;  // in this batch
  for (Item& item : batch_) {
    ASSIGN_OR_RETURN(const auto bytes, context_.store->Get(Table::kNames, item.job_key));
    bool is_taken = bytes.has_value();
    if (is_taken) {
      const auto name = DecodeName(*bytes);
      is_taken = !name.ok() || !deleted.Covers(item.job_key, name->job_id);
    }
    is_taken = is_taken || seen.contains(item.job_key);
    if (is_taken && options_.on_conflict() == v1::CONFLICT_RULE_SKIP) {
      summary_.set_skipped(summary_.skipped() + 1);
      continue;
    }
    if (is_taken && fails_on_conflict()) {
      const storage::v1::JobRecord& record = item.job.record;
      Refuse(item.line, /*is_conflict=*/true,
             fmt::format("job already exists: '{}'",
                         DisplayName(JobKeyOf(record.metadata(), record.name()))));
      break;
    }
    item.replaces = is_taken;
    kept.push_back(std::move(item));
    seen.insert(kept.back().job_key);
  }
  batch_ = std::move(kept);
  return absl::OkStatus();
}

absl::Status Importer::Store(std::vector<Item>* items) {
  std::vector<Item*> open;
  for (Item& item : *items) open.push_back(&item);
  absl::Duration waited;
  while (!open.empty()) {
    Submit(open);
    std::vector<Item*> again;
    for (Item* item : open) {
      if (absl::IsUnavailable(item->answer)) return item->answer;
      // The scheduler is behind, or has no room now.
      if (absl::IsResourceExhausted(item->answer)) again.push_back(item);
    }
    waited = again.size() < open.size() ? absl::ZeroDuration() : waited + kImportRetryPause;
    open = std::move(again);
    if (open.empty()) break;
    if (waited >= kMaxImportWait) {
      return absl::ResourceExhaustedError(
          fmt::format("line {}: {}; most of the lines before it are stored, none behind line {}",
                      open.front()->line, Text(open.front()->answer), items->back().line));
    }
    if (context_.is_cancelled()) return absl::CancelledError("the import was given up");
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(kImportRetryPause));
  }
  return absl::OkStatus();
}

void Importer::Submit(const std::vector<Item*>& items) {
  const bool overwrite = options_.on_conflict() == v1::CONFLICT_RULE_REPLACE;
  Outstanding outstanding(items.size());
  for (Item* item : items) {
    // The record is copied: it may have to be handed over again.
    context_.loop->Restore(item->job.record, item->job.progress, overwrite,
                           [item, &outstanding](const absl::Status& status) {
                             item->answer = status;
                             outstanding.Done();
                           });
  }
  outstanding.Wait();
}

void Importer::Note(const Item& item) {
  if (item.answer.ok()) {
    summary_.set_stored(summary_.stored() + 1);
    if (item.replaces) summary_.set_replaced(summary_.replaced() + 1);
    const bool is_actor = item.job.record.metadata().target().has_actor();
    if (!options_.dry_run()) {
      context_.metrics->JobCreated(is_actor ? TargetKind::kActor : TargetKind::kApp);
    }
    return;
  }
  // The name was taken meanwhile, or stands twice among what is imported.
  const bool is_conflict = absl::IsAlreadyExists(item.answer);
  if (is_conflict && options_.on_conflict() == v1::CONFLICT_RULE_SKIP) {
    summary_.set_skipped(summary_.skipped() + 1);
    return;
  }
  Refuse(item.line, is_conflict, Text(item.answer));
}

void Importer::Refuse(uint64_t line, bool is_conflict, std::string message) {
  summary_.set_refused(summary_.refused() + 1);
  if (fails_on_conflict()) summary_.set_ended_early(true);
  v1::ImportProblem problem;
  problem.set_line(line);
  problem.set_is_conflict(is_conflict);
  problem.set_message(std::move(message));
  context_.on_problem(std::move(problem));
}

}  // namespace belfry::server
