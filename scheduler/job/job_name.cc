#include "scheduler/job/job_name.h"

#include <spdlog/fmt/fmt.h>

#include "scheduler/schedule/text.h"

namespace belfry {
namespace {

constexpr std::string_view kForbidden = "/\\#?";

absl::Status Invalid(std::string_view field, std::string_view value, std::string_view problem) {
  return absl::InvalidArgumentError(fmt::format("{} {} {}", field, Quote(value), problem));
}

}  // namespace

absl::Status CheckNamePart(std::string_view field, std::string_view value, size_t min_length,
                           size_t max_length) {
  if (value.size() < min_length) {
    return Invalid(field, value,
                   value.empty() ? "is empty" : fmt::format("has less than {} bytes", min_length));
  }
  if (value.size() > max_length) {
    return Invalid(field, value,
                   fmt::format("has {} bytes, the limit is {}", value.size(), max_length));
  }
  if (!IsValidUtf8(value)) return Invalid(field, value, "is not valid UTF-8");
  if (value == "." || value == "..") return Invalid(field, value, "is a relative path");
  for (size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (IsControl(c)) {
      return Invalid(field, value, fmt::format("has a control character at byte {}", i));
    }
    if (kForbidden.find(c) != std::string_view::npos) {
      return Invalid(field, value, fmt::format("contains the forbidden character {}", c));
    }
  }
  return absl::OkStatus();
}

}  // namespace belfry
