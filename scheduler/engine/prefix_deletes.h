#pragma once

// PrefixDeletes: which jobs are gone by a prefix delete although their records are still on disk.
// A value; the loop owns one and publishes copies to the threads that serve reads.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "scheduler/store/store.h"

namespace belfry {

class PrefixDeletes {
 public:
  // Jobs under `prefix` with ids up to `ceiling` are gone.
  void Add(const std::string& prefix, uint64_t ceiling) { ceilings_[prefix] = ceiling; }
  void Remove(const std::string& prefix) { ceilings_.erase(prefix); }

  std::optional<uint64_t> CeilingOf(const std::string& prefix) const {
    const auto it = ceilings_.find(prefix);
    if (it == ceilings_.end()) return std::nullopt;
    return it->second;
  }

  // Whether the job with this key and id is gone.
  bool Covers(std::string_view job_key, uint64_t job_id) const {
    for (const auto& [prefix, ceiling] : ceilings_) {
      if (job_id <= ceiling && job_key.starts_with(prefix)) return true;
    }
    return false;
  }

  size_t size() const { return ceilings_.size(); }
  const absl::btree_map<std::string, uint64_t>& all() const { return ceilings_; }

 private:
  absl::btree_map<std::string, uint64_t> ceilings_;
};

// A record that does not parse.
struct UnreadablePrefixDelete {
  std::string prefix;
  std::string bytes;
};

// The pending prefix deletes on disk. Records that do not parse are added to `unreadable`; if that
// is null, DataLoss.
absl::StatusOr<PrefixDeletes> ReadPrefixDeletes(
    const Store& store, const Snapshot* snapshot = nullptr,
    std::vector<UnreadablePrefixDelete>* unreadable = nullptr);

}  // namespace belfry
