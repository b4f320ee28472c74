#include "server/large_answer.h"

#include "fmt/format.h"
#include "server/limits.h"

namespace belfry::server {

absl::Status AnswerBudget::Take(size_t bytes) {
  const size_t before = taken_.fetch_add(bytes);
  if (before == 0 || before + bytes <= max_bytes_) return absl::OkStatus();
  taken_ -= bytes;
  return absl::ResourceExhaustedError(
      fmt::format("{} bytes of other answers are not yet sent, {} more are too many (limit: "
                  "--max-answer-bytes={})",
                  before, bytes, max_bytes_));
}

absl::Status LargeAnswer::Reserve(size_t bytes) {
  if (bytes <= kSmallAnswerBytes) return absl::OkStatus();
  absl::Status taken = budget_->Take(bytes);
  if (taken.ok()) reserved_ = bytes;
  return taken;
}

void LargeAnswer::OnDone() {
  budget_->GiveBack(reserved_);
  delete this;
}

}  // namespace belfry::server
