#include "scheduler/loop/id_reader.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "scheduler/base/limits.h"
#include "scheduler/base/status_macros.h"
#include "scheduler/job/key_codec.h"

namespace belfry {

absl::StatusOr<IdReader> IdReader::Open(const Store* store, Table table, std::vector<uint64_t> ids,
                                        size_t max_bytes) {
  IdReader reader(store, table, std::move(ids));
  const std::vector<uint64_t>& all = reader.ids_;
  std::vector<size_t> order(all.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return all[a] < all[b]; });
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    for (end = begin + 1; end < order.size(); ++end) {
      if (all[order[end]] - all[order[end - 1]] > kMaxScannedIdGap) break;
    }
    if (end - begin < kMinScannedIds || reader.read_bytes_ >= max_bytes) continue;
    RETURN_IF_ERROR(reader.ScanRun(order, begin, end, max_bytes));
  }
  return reader;
}

absl::Status IdReader::ScanRun(const std::vector<size_t>& order, size_t begin, size_t end,
                               size_t max_bytes) {
  const KeyRange range{table_, EncodeId(ids_[order[begin]]),
                       PrefixEnd(EncodeId(ids_[order[end - 1]]))};
  size_t next = begin;
  bool is_full = false;
  RETURN_IF_ERROR(store_->Scan(range, [&](std::string_view key, std::string_view bytes) {
    if (is_full) return false;
    const auto id = DecodeId(key);
    // Ids that the scan has passed have no row.
    for (; next < end && id > ids_[order[next]]; ++next) values_[order[next]].is_known = true;
    // The same id may be asked for twice.
    for (; next < end && id == ids_[order[next]]; ++next) {
      values_[order[next]] = {true, std::string(bytes)};
      read_bytes_ += bytes.size();
    }
    is_full = read_bytes_ >= max_bytes;
    return true;
  }));
  if (is_full) return absl::OkStatus();
  for (; next < end; ++next) values_[order[next]].is_known = true;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> IdReader::Take(size_t i) {
  if (values_[i].is_known) return std::move(values_[i].bytes);
  return store_->Get(table_, EncodeId(ids_[i]));
}

}  // namespace belfry
