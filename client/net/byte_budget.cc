#include "client/net/byte_budget.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace belfry::net {

absl::Status ByteBudget::Take(size_t bytes) {
  const size_t before = taken_.fetch_add(bytes);
  if (before == 0 || before + bytes <= max_bytes_) return absl::OkStatus();
  taken_ -= bytes;
  return absl::ResourceExhaustedError(absl::StrCat(before, " bytes of other calls are in memory, ",
                                                   bytes, " more are too many (limit: --", flag_,
                                                   "=", max_bytes_, ")"));
}

BudgetShare::BudgetShare(BudgetShare&& other) noexcept
    : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}

BudgetShare& BudgetShare::operator=(BudgetShare&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

BudgetShare::~BudgetShare() {
  if (budget_ != nullptr) budget_->GiveBack(bytes_);
}

absl::Status BudgetShare::GrowTo(size_t bytes) {
  if (budget_ == nullptr || bytes <= bytes_) return absl::OkStatus();
  absl::Status taken = budget_->Take(bytes - bytes_);
  if (taken.ok()) bytes_ = bytes;
  return taken;
}

}  // namespace belfry::net
