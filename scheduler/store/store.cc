#include "scheduler/store/store.h"

#include <utility>

#include "scheduler/base/check.h"

namespace belfry {

std::string_view TableName(Table table) {
  switch (table) {
    case Table::kMeta:
      return "meta";
    case Table::kGroups:
      return "groups";
    case Table::kNames:
      return "names";
    case Table::kJobs:
      return "jobs";
    case Table::kCounters:
      return "counters";
    case Table::kDue:
      return "due";
    case Table::kPrefixDeletes:
      return "prefix_deletes";
    case Table::kQuarantine:
      return "quarantine";
  }
  CHECK(false) << "table " << static_cast<int>(table);
  return "";
}

void Batch::Put(Table table, std::string key, std::string value) {
  byte_size_ += key.size() + value.size();
  ops_.push_back({table, false, std::move(key), std::move(value)});
}

void Batch::Delete(Table table, std::string key) {
  byte_size_ += key.size();
  ops_.push_back({table, true, std::move(key), {}});
}

void Batch::Clear() {
  ops_.clear();
  byte_size_ = 0;
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace belfry
