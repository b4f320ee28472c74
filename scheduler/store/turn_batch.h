#pragma once

// TurnBatch: the changes of one turn of the loop, as typed operations on the tables, with reads
// that see the turn's earlier changes before they are written.
// Not thread-safe.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "scheduler/job/job_key.h"
#include "scheduler/job/key_codec.h"
#include "scheduler/store/record_codec.h"
#include "scheduler/store/store.h"

namespace belfry {

class TurnBatch {
 public:
  // `store` is borrowed.
  explicit TurnBatch(const Store* store) : store_(store) {}

  // Nullopt if there is no such record. Errors are the store's, or DataLoss.
  absl::StatusOr<std::optional<NameEntry>> GetName(const std::string& job_key) const;
  absl::StatusOr<std::optional<Counter>> GetCounter(uint64_t job_id) const;

  void PutName(const std::string& job_key, const NameEntry& entry);
  void DeleteName(const std::string& job_key);
  void PutJob(uint64_t job_id, std::string record);
  void DeleteJob(uint64_t job_id);
  void PutCounter(uint64_t job_id, const Counter& counter);
  void DeleteCounter(uint64_t job_id);
  void PutDue(uint32_t group_id, Position position);
  void DeleteDue(uint32_t group_id, Position position);
  void PutGroup(const std::string& group_key, uint32_t group_id, absl::Time mark);
  void DeleteGroup(const std::string& group_key);
  void PutIdReserve(uint64_t next_job_id, uint32_t next_group_id);
  void PutFormat(uint32_t version);
  void PutPrefixDelete(const std::string& prefix, uint64_t ceiling);
  void DeletePrefixDelete(const std::string& prefix);
  // Keeps bytes that could not be read, under their table and key, with the reason and the time.
  void PutQuarantine(Table table, std::string_view key, std::string bytes, std::string_view reason,
                     absl::Time now);

  const Batch& batch() const { return batch_; }
  bool empty() const { return batch_.empty(); }
  // Forgets the changes, once they were written.
  void Clear();

 private:
  const Store* const store_;
  Batch batch_;
  // What this turn changed; nullopt means deleted.
  absl::flat_hash_map<std::string, std::optional<NameEntry>> names_;
  absl::flat_hash_map<uint64_t, std::optional<Counter>> counters_;
};

// Keys of table `meta`.
inline constexpr char kFormatKey[] = "format";
inline constexpr char kIdsKey[] = "ids";

}  // namespace belfry
