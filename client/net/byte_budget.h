#pragma once

// ByteBudget: how much memory what many clients send, or do not take, may have together.

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace belfry::net {

// Thread safety: all methods may be called from any thread.
class ByteBudget {
 public:
  // `flag` sets it, for the errors.
  ByteBudget(std::string flag, size_t max_bytes) : flag_(std::move(flag)), max_bytes_(max_bytes) {}

  // Takes room. ResourceExhausted, naming the flag, if there is too little, except for who is
  // alone.
  absl::Status Take(size_t bytes);
  void GiveBack(size_t bytes) { taken_ -= bytes; }

 private:
  const std::string flag_;
  const size_t max_bytes_;
  std::atomic<size_t> taken_ = 0;
};

// What one request, its answer or both have of a budget; given back at the end. Movable.
// Thread safety: compatible.
class BudgetShare {
 public:
  // `budget` is borrowed; without one there is always room.
  explicit BudgetShare(ByteBudget* budget) : budget_(budget) {}
  BudgetShare(BudgetShare&& other) noexcept;
  BudgetShare& operator=(BudgetShare&& other) noexcept;
  ~BudgetShare();

  // Makes it that large, if it is not larger; as ByteBudget::Take. After an error it is as before.
  absl::Status GrowTo(size_t bytes);

 private:
  ByteBudget* budget_;
  size_t bytes_ = 0;
};

}  // namespace belfry::net
