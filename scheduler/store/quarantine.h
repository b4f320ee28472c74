#pragma once

// Table `quarantine`: records that could not be read and were set aside.

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "scheduler/store/store.h"

namespace belfry {

// Where the bytes of a record go that was found in `table` under `key`.
std::string QuarantineKey(Table table, std::string_view key);
// Where the reason and the time go. Bytes that a version of before the notes set aside have none.
std::string QuarantineNoteKey(std::string_view quarantine_key);

struct QuarantinedRecord {
  std::string table;  // that it was found in
  std::string key;    // under which it was found
  size_t bytes = 0;   // of the record
  std::string reason;
  std::optional<absl::Time> time;  // when it was set aside; nullopt: not known
};

// Visits what was set aside, in order of table and key; the visitor returns false to stop.
absl::Status ReadQuarantine(const Store& store,
                            const std::function<bool(QuarantinedRecord)>& visitor);

}  // namespace belfry
