#include "scheduler/engine/prefix_deletes.h"

#include "belfry/storage/v1/records.pb.h"
#include "scheduler/base/status_macros.h"

namespace belfry {

absl::StatusOr<PrefixDeletes> ReadPrefixDeletes(const Store& store, const Snapshot* snapshot,
                                                std::vector<UnreadablePrefixDelete>* unreadable) {
  PrefixDeletes deletes;
  absl::Status status;
  RETURN_IF_ERROR(store.Scan(
      {Table::kPrefixDeletes, "", ""},
      [&](std::string_view key, std::string_view value) {
        storage::v1::PrefixDeleteRecord record;
        if (!record.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
          if (unreadable == nullptr) {
            status = absl::DataLossError("a prefix delete record does not parse");
            return false;
          }
          unreadable->push_back({std::string(key), std::string(value)});
          return true;
        }
        deletes.Add(std::string(key), record.ceiling());
        return true;
      },
      snapshot));
  RETURN_IF_ERROR(status);
  return deletes;
}

}  // namespace belfry
