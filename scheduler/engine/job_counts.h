#pragma once

// JobCounts: how many jobs each namespace has, where that is limited. Without a limit nothing is
// counted and nothing is read. Jobs under a prefix delete count until they are purged.
// Not thread-safe: belongs to the loop.

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "scheduler/store/store.h"

namespace belfry {

class JobCounts {
 public:
  // `max` is of each namespace; 0 means no limit.
  explicit JobCounts(size_t max) : max_(max) {}

  // Counts what is stored; takes time in proportion to the number of jobs if there is a limit.
  absl::Status Recover(const Store& store);

  // Whether one job more is allowed: ResourceExhausted if not. Keys are encoded job keys.
  absl::Status CheckRoom(std::string_view job_key) const;
  void Added(std::string_view job_key);
  void Removed(std::string_view job_key);

 private:
  const size_t max_;
  absl::flat_hash_map<std::string, size_t> counts_;  // by namespace; none is 0
};

}  // namespace belfry
