#pragma once

// Checks a store that nobody writes: whether everything in it can be read, and whether the tables
// agree with each other.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scheduler/store/store.h"

namespace belfry {

enum class CheckDepth {
  kRead,   // everything is read once and counted
  kAgree,  // and each name's job, counter, group and index entry are looked up
};

// Contradictions that a report tells of one by one; further ones are only counted.
inline constexpr size_t kMaxReportedProblems = 20;

struct StoreReport {
  uint32_t format = 0;                       // 0: a store that nothing was written to yet
  std::array<uint64_t, kTableCount> rows{};  // by Table
  uint64_t quarantined = 0;                  // records that were set aside
  // Of kAgree only.
  uint64_t jobs = 0;       // that are there and can be read
  uint64_t set_aside = 0;  // that are there, and of which something is in quarantine
  uint64_t deleted = 0;    // that a delete of many has yet to remove
  uint64_t left_over = 0;  // records of jobs that no name leads to: they cost room, nothing else
  uint64_t problem_count = 0;
  std::vector<std::string> problems;

  uint64_t rows_of(Table table) const { return rows[static_cast<size_t>(table)]; }
};

// Reads the whole store. Contradictions are in the report; an error means that the store could not
// be read, e.g. DataLoss for a bad checksum, that its format is newer than this program
// (FailedPrecondition), or that `is_cancelled`, which is asked all the time, said so (Cancelled).
absl::StatusOr<StoreReport> CheckStore(const Store& store, CheckDepth depth,
                                       const std::function<bool()>& is_cancelled);

}  // namespace belfry
