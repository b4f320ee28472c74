#include "storage/damaged_tables.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/strings/str_join.h"
#include "rocksdb/options.h"
#include "rocksdb/sst_file_reader.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {
namespace {

// Where all are damaged, a few names say enough.
constexpr size_t kMaxNamed = 10;

std::vector<std::string> DamagedTables(const std::string& path) {
  std::vector<std::string> damaged;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.path().extension() != ".sst") continue;
    rocksdb::SstFileReader reader{rocksdb::Options()};
    if (!reader.Open(entry.path()).ok()) damaged.push_back(entry.path().filename());
  }
  std::sort(damaged.begin(), damaged.end());
  return damaged;
}

}  // namespace

absl::Status NameDamagedTables(absl::Status status, const std::string& path) {
  if (!absl::IsDataLoss(status)) return status;
  std::vector<std::string> damaged = DamagedTables(path);
  if (damaged.empty()) return status;
  const size_t count = damaged.size();
  damaged.resize(std::min(count, kMaxNamed));
  return absl::DataLossError(fmt::format("{} (damaged table files: {}, {})",
                                         std::string(status.message()), count,
                                         absl::StrJoin(damaged, ", ")));
}

}  // namespace belfry
