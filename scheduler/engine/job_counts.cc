#include "scheduler/engine/job_counts.h"

#include "scheduler/job/job_key.h"
#include "spdlog/fmt/fmt.h"

namespace belfry {

absl::Status JobCounts::Recover(const Store& store) {
  if (max_ == 0) return absl::OkStatus();
  return store.Scan({Table::kNames, "", ""}, [this](std::string_view key, std::string_view) {
    Added(key);
    return true;
  });
}

absl::Status JobCounts::CheckRoom(std::string_view job_key) const {
  if (max_ == 0) return absl::OkStatus();
  const auto ns = NamespacePart(job_key);
  if (!ns.has_value()) return absl::OkStatus();
  const auto it = counts_.find(*ns);
  if (it == counts_.end() || it->second < max_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("namespace \"{}\" has {} jobs already (limit: --max-jobs-per-namespace={})", *ns,
                  it->second, max_));
}

void JobCounts::Added(std::string_view job_key) {
  if (max_ == 0) return;
  if (const auto ns = NamespacePart(job_key); ns.has_value()) ++counts_[*ns];
}

void JobCounts::Removed(std::string_view job_key) {
  if (max_ == 0) return;
  const auto ns = NamespacePart(job_key);
  if (!ns.has_value()) return;
  const auto it = counts_.find(*ns);
  if (it != counts_.end() && --it->second == 0) counts_.erase(it);
}

}  // namespace belfry
