#pragma once

// LargeAnswer: the end of a call whose answer may be large. gRPC keeps an answer until its client
// has taken it; clients that ask and do not take must not fill the memory.

#include <atomic>
#include <cstddef>

#include "absl/status/status.h"
#include "grpcpp/support/server_callback.h"

namespace belfry::server {

// Bytes of answers that are on their way.
// Thread safety: all methods may be called from any thread.
class AnswerBudget {
 public:
  explicit AnswerBudget(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Takes room for an answer. ResourceExhausted if there is too little, except for the only one.
  absl::Status Take(size_t bytes);
  void GiveBack(size_t bytes) { taken_ -= bytes; }

 private:
  const size_t max_bytes_;
  std::atomic<size_t> taken_ = 0;
};

// Deleted by gRPC's last reaction, when the answer has been sent or the call is over.
class LargeAnswer final : public grpc::ServerUnaryReactor {
 public:
  // `budget` is borrowed and outlives the server.
  explicit LargeAnswer(AnswerBudget* budget) : budget_(budget) {}

  // Takes room from the budget for as long as the answer is on its way; small answers, see
  // kSmallAnswerBytes, need none. After an error the call must end with it. REQUIRES: called once
  // at most, before Finish.
  absl::Status Reserve(size_t bytes);

  // What gRPC tells.
  void OnDone() override;

 private:
  AnswerBudget* const budget_;
  size_t reserved_ = 0;
};

}  // namespace belfry::server
