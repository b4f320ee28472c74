#pragma once

// Importer: stores jobs that were exported, in batches, through the loop like any request.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "belfry/v1/admin.pb.h"
#include "scheduler/loop/job_cursor.h"
#include "scheduler/loop/scheduler_loop.h"
#include "scheduler/store/store.h"
#include "server/metrics.h"

namespace belfry::server {

// Thread safety: belongs to one call.
class Importer {
 public:
  struct Context {
    SchedulerLoop* loop;  // borrowed, as the others
    const Store* store;
    ServerMetrics* metrics;
    // Told of each job that is not stored, except for those that are skipped.
    std::function<void(v1::ImportProblem)> on_problem;
    // Asked while waiting.
    std::function<bool()> is_cancelled;
  };

  // REQUIRES: `options` names a rule for conflicts.
  Importer(Context context, const v1::ImportOptions& options);

  // Takes the next job; stores it with those before it once enough have come together, and waits
  // for that. An error ends the import: the loop is stopping or has failed, the call was cancelled,
  // or the scheduler has taken no job for kMaxImportWait.
  absl::Status Add(v1::ImportedJob job);

  // Stores what is left. Afterwards everything that the summary counts as stored is durable.
  absl::Status Finish() { return Flush(); }

  // Whether the rule for conflicts has ended the import: further jobs are not wanted.
  bool ended_early() const { return summary_.ended_early(); }
  const v1::ImportSummary& summary() const { return summary_; }

 private:
  struct Item {
    uint64_t line = 0;
    StoredJob job;
    std::string job_key;
    bool replaces = false;
    absl::Status answer;
  };

  absl::Status Flush();
  // Drops the items of the batch that are not to be stored: their names are taken.
  absl::Status ApplyConflictRule();
  // Stores the items; each has its answer afterwards.
  absl::Status Store(std::vector<Item>* items);
  // Hands items to the loop and waits for all answers.
  void Submit(const std::vector<Item*>& items);
  void Note(const Item& item);
  void Refuse(uint64_t line, bool is_conflict, std::string message);
  bool fails_on_conflict() const { return options_.on_conflict() == v1::CONFLICT_RULE_FAIL; }

  const Context context_;
  const v1::ImportOptions options_;
  std::vector<Item> batch_;
  size_t batch_bytes_ = 0;
  v1::ImportSummary summary_;
};

}  // namespace belfry::server
